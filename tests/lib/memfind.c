/*
 * memfind PID STRING: how often STRING stands in the memory of a process.
 * Exits with 1 if it cannot be read (root can).
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK (1 << 20)

static unsigned long
count(const char *p, size_t n, const char *what, size_t k)
{
	const char *end = p + n;
	unsigned long found = 0;

	while ((p = memmem(p, (size_t)(end - p), what, k)) != NULL) {
		found++;
		p++;
	}
	return found;
}

/* One mapping; a string that lies across two chunks is seen in both by the overlap, and counted once. */
static unsigned long
search(int mem, unsigned long from, unsigned long to, const char *what)
{
	static char buf[CHUNK];
	size_t k = strlen(what), want;
	unsigned long found = 0;
	ssize_t n;

	while (from < to) {
		want = to - from < CHUNK ? to - from : CHUNK;
		n = pread(mem, buf, want, (off_t)from);
		if (n <= 0)
			break;
		found += count(buf, (size_t)n, what, k);
		if ((size_t)n < CHUNK)
			break;
		from += (unsigned long)n - (k - 1);
	}
	return found;
}

int
main(int argc, char **argv)
{
	char path[64], line[512], mode[8];
	unsigned long from, to, found = 0, maps_seen = 0;
	FILE *maps;
	int mem;

	if (argc != 3 || *argv[2] == '\0')
		return 2;
	snprintf(path, sizeof path, "/proc/%d/maps", atoi(argv[1]));
	maps = fopen(path, "r");
	snprintf(path, sizeof path, "/proc/%d/mem", atoi(argv[1]));
	mem = open(path, O_RDONLY);
	if (maps == NULL || mem == -1)
		return 1;
	while (fgets(line, sizeof line, maps) != NULL)
		if (sscanf(line, "%lx-%lx %7s", &from, &to, mode) == 3 && mode[0] == 'r' &&
		    strstr(line, "[v") == NULL) {
			found += search(mem, from, to, argv[2]);
			maps_seen++;
		}
	printf("%lu\n", found);
	return maps_seen > 0 ? 0 : 1;
}
