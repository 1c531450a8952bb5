/* err: text made printable, statuses, the order of causes. */
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "t.h"

static void
printable(const char *in, const char *want, const char *name)
{
	char out[64];

	err_printable(out, sizeof out, in, strlen(in));
	is_str(out, want, "printable: %s", name);
}

static void
test_printable(void)
{
	char out[8];

	printable("plain text", "plain text", "ASCII");
	printable("a\tb\r\nc\033[31m\177", "a?b??c?[31m?", "control characters");
	printable("Entw\303\274rfe \342\202\254 \360\237\230\200",
	    "Entw\303\274rfe \342\202\254 \360\237\230\200", "UTF-8 of two, three and four bytes");
	printable("\303", "?", "a sequence cut short");
	printable("\303x", "?x", "a lead byte alone");
	printable("\200\277", "??", "continuation bytes alone");
	printable("\300\200\340\200\200", "?????", "overlong forms");
	printable("\355\240\200", "???", "a surrogate");
	printable("\364\220\200\200", "????", "above U+10FFFF");
	printable("\302\233", "??", "a C1 control");
	printable("\342\200\256abc", "???abc", "right-to-left override");
	err_printable(out, sizeof out, "123456\303\274", 8);
	is_str(out, "123456", "cut before a character that does not fit");
	err_printable(out, sizeof out, "12345\303\274", 7);
	is_str(out, "12345\303\274", "one that just fits");
	err_printable(out, sizeof out, "a\0b", 3);
	is_str(out, "a?b", "NUL");
	err_printable(out, 1, "abc", 3);
	is_str(out, "", "no room at all");
	out[0] = 'x';
	err_printable(out, 0, "abc", 3);
	is_int(out[0], 'x', "size 0 writes nothing");
}

static void
test_set(void)
{
	struct err e = ERR_INIT;
	char big[3000];

	is_int(err_set(&e, ERR_CONFIG, STAGE_TLS, "a\nb", "no %s %d", "x\033", 7), -1, "returns -1");
	is_int(e.kind, ERR_CONFIG, "kind");
	is_int(e.stage, STAGE_TLS, "stage");
	is_int(e.sys, 0, "no errno");
	is_str(e.subject, "a?b", "subject made printable");
	is_str(e.text, "no x? 7", "text made printable");
	err_set(&e, ERR_IO, STAGE_FILE, e.text, "%s: %s", e.subject, e.text);
	is_str(e.subject, "no x? 7", "subject may come out of the same err");
	is_str(e.text, "a?b: no x? 7", "and the arguments too");
	is_int(err_sys(&e, ERR_IO, STAGE_FILE, ENOENT, NULL, "cannot open"), -1, "err_sys returns -1");
	is_str(e.text, "cannot open: No such file or directory", "with the reason");
	is_str(e.subject, "", "no subject");
	is_int(e.sys, ENOENT, "errno kept");
	is_int(err_set(NULL, ERR_IO, STAGE_FILE, NULL, "x"), -1, "NULL is allowed");
	memset(big, 'x', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	err_set(&e, ERR_IO, STAGE_FILE, big, "%s", big);
	is_int(strlen(e.text), ERR_TEXT_MAX - 1, "text cut");
	is_int(strlen(e.subject), ERR_SUBJECT_MAX - 1, "subject cut");
	err_clear(&e);
	ok(e.kind == ERR_NONE && e.text[0] == '\0' && e.subject[0] == '\0', "cleared");
}

static void
test_status(void)
{
	static const int want[ERR_KINDS] = { 0, 78, 77, 76, 74, 73, 71, 70, 69, 75, 66, 65, 64 };
	struct err a = ERR_INIT, b = ERR_INIT;

	for (int k = 0; k < ERR_KINDS; k++)
		is_int(err_status((enum err_kind)k), want[k], "status of kind %d", k);
	is_int(err_status((enum err_kind)99), 70, "an unknown kind is our fault");
	err_set(&b, ERR_AGAIN, STAGE_FETCH, NULL, "later");
	err_merge(&a, &b);
	is_str(a.text, "later", "anything before nothing");
	err_set(&b, ERR_CONFIG, STAGE_FETCH, NULL, "config");
	err_merge(&a, &b);
	is_str(a.text, "config", "78 before 75");
	err_set(&b, ERR_DATA, STAGE_FETCH, NULL, "data");
	err_merge(&a, &b);
	is_str(a.text, "config", "65 does not replace 78");
	err_clear(&b);
	err_merge(&a, &b);
	is_str(a.text, "config", "nothing does not replace anything");
	is_int(err_kind_of_errno(ENOSPC), ERR_IO, "ENOSPC");
	is_int(err_kind_of_errno(EDQUOT), ERR_IO, "EDQUOT");
	is_int(err_kind_of_errno(EIO), ERR_IO, "EIO");
	is_int(err_kind_of_errno(EACCES), ERR_CREATE, "EACCES");
	is_int(err_kind_of_errno(EROFS), ERR_CREATE, "EROFS");
	is_int(err_kind_of_errno(EMFILE), ERR_OS, "EMFILE");
	is_int(err_kind_of_errno(ENOMEM), ERR_OS, "ENOMEM");
	is_str(err_stage_name(STAGE_LOGIN), "login", "name of a stage");
	is_str(err_stage_name((enum err_stage)99), "unknown", "no such stage");
}

int
main(void)
{
	test_printable();
	test_set();
	test_status();
	return done_testing();
}
