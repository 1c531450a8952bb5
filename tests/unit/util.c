/* util: strings and the small parsers. */
#include <sys/wait.h>

#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "t.h"

static void
test_str(void)
{
	struct str s = STR_INIT;
	struct strlist l = { NULL, 0 };
	char *p;

	str_add(&s, NULL, 0);
	is_str(s.s, "", "nothing added: an empty string");
	str_adds(&s, "abc");
	str_addc(&s, 'd');
	str_addf(&s, "%d-%s", 5, "ef");
	is_str(s.s, "abcd5-ef", "added up");
	str_add(&s, "\0x", 2);
	is_int(s.len, 10, "NUL is a byte like others");
	str_clear(&s);
	is_str(s.s, "", "cleared");
	for (int i = 0; i < 1000; i++)
		str_adds(&s, "0123456789");
	is_int(s.len, 10000, "grown");
	is_str(s.s + 9990, "0123456789", "and whole");
	str_release(&s);
	ok(s.s == NULL && s.len == 0 && s.cap == 0, "released");
	str_release(&s);
	strlist_add(&l, "a");
	strlist_add(&l, "b");
	is_str(l.v[1], "b", "list");
	strlist_release(&l);
	is_int(l.n, 0, "list released");
	p = xstrndup("abc", 2);
	is_str(p, "ab", "xstrndup");
	free(p);
	p = xasprintf("%s-%d", "x", 1);
	is_str(p, "x-1", "xasprintf");
	free(p);
	free(xmalloc(0));
	free(xcalloc(0, 0));
	free(xreallocarray(NULL, 0, 0));
}

static void
leave(void)
{
	_exit(42);
}

/* What a size that cannot be does, in a child: 71 by default, or the handler. */
static int
overflow(bool handler)
{
	struct str s = STR_INIT;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (freopen("/dev/null", "w", stderr) == NULL)
			_exit(1);
		if (handler)
			util_oom(leave);
		str_add(&s, "x", SIZE_MAX / 2);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
test_numbers(void)
{
	static const char *const bad[] = { "", "-1", "+1", " 1", "1 ", "1x", "0x1", "18446744073709551616",
		"99999999999999999999" };
	uint64_t n;

	ok(parse_u64("0", 0, 10, &n) == 0 && n == 0, "0");
	ok(parse_u64("18446744073709551615", 0, UINT64_MAX, &n) == 0 && n == UINT64_MAX, "2^64-1");
	ok(parse_u64("007", 0, 10, &n) == 0 && n == 7, "leading zeros");
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		is_int(parse_u64(bad[i], 0, UINT64_MAX, &n), -1, "no number: '%s'", bad[i]);
	is_int(parse_u64("11", 0, 10, &n), -1, "above");
	is_int(parse_u64("1", 2, 10, &n), -1, "below");
}

static void
test_units(void)
{
	static const struct {
		const char *s;
		long long want;
	} dur[] = { { "90", 90 }, { "90s", 90 }, { "5m", 300 }, { "2h", 7200 }, { "30d", 2592000 },
		{ "2w", 1209600 }, { "0", 0 }, { "", -1 }, { "h", -1 }, { "5x", -1 }, { "5mm", -1 },
		{ "-5m", -1 }, { "1.5h", -1 }, { "99999999999999999999d", -1 },
		{ "9223372036854775807w", -1 } },
	  size[] = { { "10", 10 }, { "10k", 10240 }, { "10K", 10240 }, { "10M", 10485760 },
		  { "2G", 2147483648 }, { "2g", 2147483648 }, { "2T", -1 }, { "k", -1 },
		  { "17179869184G", -1 } };
	uint64_t n;

	for (size_t i = 0; i < sizeof dur / sizeof dur[0]; i++)
		is_int(parse_duration(dur[i].s, &n) == 0 ? (long long)n : -1, dur[i].want, "duration '%s'",
		    dur[i].s);
	for (size_t i = 0; i < sizeof size / sizeof size[0]; i++)
		is_int(parse_size(size[i].s, &n) == 0 ? (long long)n : -1, size[i].want, "size '%s'",
		    size[i].s);
}

static long long
date(const char *s)
{
	time_t t;

	return parse_date(s, 1800000000, &t) == 0 ? (long long)t : -1;
}

static void
test_dates(void)
{
	static const char *const bad[] = { "2026-02-29", "2026-13-01", "2026-00-10", "2026-01-32", "2026-1-1",
		"26-01-01", "2026-01-01x", "30", "", "d", "2026/01/01", "1969-12-31", "9999999999d" };
	char buf[32];

	setenv("TZ", "UTC0", 1);
	tzset();
	is_int(date("2026-01-31"), 1769817600, "a day, in UTC");
	is_int(date("2024-02-29"), 1709164800, "a leap day");
	is_int(date("1970-01-01"), 0, "the first day");
	is_int(date("30d"), 1800000000 - 2592000, "30 days before now");
	is_int(date("90s"), 1800000000 - 90, "90 seconds before now");
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		is_int(date(bad[i]), -1, "no date: '%s'", bad[i]);
	setenv("TZ", "XST-3XDT,M3.5.0/0,M10.5.0/0", 1); /* summer time begins at midnight */
	tzset();
	is_int(date("2026-01-31"), 1769817600 - 3 * 3600, "a day, in the local zone");
	is_int(date("2026-03-29"), 1774731600, "a day without a midnight begins an hour later");
	is_str(iso_time(buf, 1769817600), "2026-01-31T00:00:00Z", "time in UTC");
	is_str(iso_time(buf, -1), "1969-12-31T23:59:59Z", "before 1970");
	is_str(iso_time(buf, INT64_MAX), "-", "beyond all calendars");
	is_str(iso_time(buf, 253402300800), "-", "five-digit years");
}

int
main(void)
{
	test_str();
	is_int(overflow(false), 71, "overflow: 71");
	is_int(overflow(true), 42, "overflow: the handler");
	test_numbers();
	test_units();
	test_dates();
	ok(now_ms() > 0, "now_ms");
	return done_testing();
}
