/*
 * gen: mail from a fixed seed, written as a Maildir's cur/ (LF line ends).
 *
 *   gen DIR KIND COUNT [FIRST]
 *
 * KIND: real  sizes of real life: log-normal, median 20 KB, 1.5 KB to 2 MB
 *       small 2 KB each       tiny 1.5 KB each
 *       large 30 MB each, every 21st 150 MB
 * Message i has the same bytes on every machine, whatever COUNT is.
 */
#include <sys/stat.h>

#include <fcntl.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static uint64_t seed;

static uint64_t
next(void) /* splitmix64 */
{
	uint64_t z = (seed += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static double
normal(void) /* Box-Muller */
{
	double u = (double)(next() >> 11) / 9007199254740992.0,
	       v = (double)(next() >> 11) / 9007199254740992.0;

	return sqrt(-2 * log(u + 1e-300)) * cos(6.283185307179586 * v);
}

static size_t
size_of(const char *kind, long i)
{
	double s;

	if (strcmp(kind, "small") == 0)
		return 2048;
	if (strcmp(kind, "tiny") == 0)
		return 1500;
	if (strcmp(kind, "large") == 0)
		return i % 21 == 0 ? 150000000 : 30000000;
	s = exp(log(20480) + 0.9 * normal());
	return s < 1500 ? 1500 : s > 2e6 ? 2000000 : (size_t)s;
}

static void
words(FILE *f, size_t n)
{
	static const char *const w[] = { "the", "invoice", "of", "and", "meeting", "to", "in", "that",
		"schedule", "for", "attached", "review", "it", "was", "delivery", "with",
		"Gr\xc3\xbc\xc3\x9f", "customer", "be", "deadline", "project", "by", "not", "regards" };
	size_t column = 0, done = 0;

	while (done < n) {
		const char *s = w[next() % (sizeof(w) / sizeof(w[0]))];
		size_t len = strlen(s) + 1;

		fputs(s, f);
		column += len;
		fputc(column > 68 ? '\n' : ' ', f);
		column = column > 68 ? 0 : column;
		done += len;
	}
	fputc('\n', f);
}

static void
base64_lines(FILE *f, size_t n)
{
	static const char abc[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char line[77];

	for (size_t done = 0; done < n; done += 77) {
		for (int j = 0; j < 76; j += 10) {
			uint64_t r = next();

			for (int k = j; k < j + 10 && k < 76; k++, r >>= 6)
				line[k] = abc[r & 63];
		}
		line[76] = '\n';
		fwrite(line, 1, 77, f);
	}
}

static void
message(FILE *f, const char *kind, long i, time_t date, size_t size)
{
	char day[64];
	uint64_t id = next();

	strftime(day, sizeof(day), "%a, %d %b %Y %H:%M:%S +0000", gmtime(&date));
	fprintf(f,
	    "Return-Path: <bounce-%016llx@lists.example.net>\nReceived: from mx%ld.example.net (192.0.2.%ld)\n\tby "
	    "mail.example.org with ESMTPS id %08llX;\n\t%s\n",
	    (unsigned long long)id, i % 7, i % 250 + 1, (unsigned long long)(id >> 32), day);
	fprintf(f,
	    "From: Sender %ld <sender%ld@example.net>\nTo: <user@example.org>\nSubject: %s %ld\nDate: %s\n"
	    "Message-ID: <%016llx.%ld@example.net>\nMIME-Version: 1.0\n",
	    i % 500, i % 500, kind, i, day, (unsigned long long)id, i);
	if (size < 4000) {
		fputs("Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n", f);
		words(f, size > 700 ? size - 700 : 40);
		return;
	}
	fprintf(f, "Content-Type: multipart/mixed; boundary=\"=_%08llx\"\n\n--=_%08llx\n\n",
	    (unsigned long long)id >> 32, (unsigned long long)id >> 32);
	words(f, size / 4 > 3000 ? 3000 : size / 4);
	fprintf(f,
	    "--=_%08llx\nContent-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n\n",
	    (unsigned long long)id >> 32);
	base64_lines(f, size - (size / 4 > 3000 ? 3000 : size / 4));
	fprintf(f, "--=_%08llx--\n", (unsigned long long)id >> 32);
}

static int
write_one(const char *dir, const char *kind, long i)
{
	time_t date = 1500000000 + i * 977;
	struct timespec ts[2] = { { .tv_sec = date }, { .tv_sec = date } };
	char path[4096];
	size_t size;
	FILE *f;

	seed = (uint64_t)i * 0x2545f4914f6cdd1du;
	size = size_of(kind, i);
	snprintf(path, sizeof(path), "%s/cur/%lld.M%07ldP1.bench:2,", dir, (long long)date, i);
	if ((f = fopen(path, "w")) == NULL)
		return -1;
	message(f, kind, i, date, size);
	if (fclose(f) != 0)
		return -1;
	return utimensat(AT_FDCWD, path, ts, 0);
}

int
main(int argc, char **argv)
{
	static const char *const sub[] = { "", "/cur", "/new", "/tmp" };
	long count, first;

	if (argc < 4) {
		fprintf(stderr, "usage: gen DIR real|small|tiny|large COUNT [FIRST]\n");
		return 64;
	}
	count = atol(argv[3]);
	first = argc > 4 ? atol(argv[4]) : 1;
	for (size_t i = 0; i < sizeof(sub) / sizeof(sub[0]); i++) {
		char path[4096];

		snprintf(path, sizeof(path), "%s%s", argv[1], sub[i]);
		mkdir(path, 0755);
	}
	for (long i = first; i < first + count; i++)
		if (write_one(argv[1], argv[2], i) == -1) {
			perror(argv[1]);
			return 74;
		}
	return 0;
}
