/*
 * session: a server that says anything at all: the dialogue as a whole, with a
 * look, a listing, bodies, headers, a search, a store and a move in flight.
 *
 * The first byte chooses the size of the pieces the rest arrives in, the second
 * how the session is set up.  A '$' at the beginning of a line stands for the
 * tag of the next command, so that the fuzzer need not guess it.
 */
#include "fuzz.h"

#include <sys/mman.h>

#include <unistd.h>

#include "base/util.h"
#include "imap/session.h"

struct fuzz {
	unsigned slots, free; /* given out; still to give */
	unsigned done;
};

static int
on_write(void *arg, const void *data, size_t n, bool secret)
{
	(void)arg, (void)data, (void)n, (void)secret;
	must(n < 64 * 1024);
	return 0;
}

static int
on_slot(void *arg, int *fd, uint32_t *number)
{
	struct fuzz *f = arg;

	if (f->free == 0)
		return 0;
	f->free--;
	*number = f->slots++;
	return (*fd = memfd_create("slot", MFD_CLOEXEC)) != -1;
}

static void
on_unslot(void *arg, int fd, uint32_t number)
{
	(void)arg, (void)number;
	close(fd);
}

static void
on_online(void *arg, uint32_t caps, const char *greeting)
{
	(void)arg, (void)caps;
	must(greeting != NULL);
}

static void
on_folder(void *arg, uint32_t job, const struct session_folder *s)
{
	(void)arg;
	must(job >= 1 && job <= 7 && s->raw != NULL && s->state < FOLDER_STATES);
}

static void
on_rows(void *arg, uint32_t job, const struct session_row *row, size_t n)
{
	(void)arg, (void)job, (void)row;
	must(n > 0 && n <= SESSION_ROWS);
}

static void
on_uids(void *arg, uint32_t job, const uint32_t *uid, size_t n)
{
	(void)arg, (void)job, (void)uid;
	must(n > 0 && n <= 4 * SESSION_ROWS);
}

static void
on_header(void *arg, uint32_t job, const struct session_row *row, const char *from, const char *subject)
{
	(void)arg, (void)job, (void)row;
	must(from != NULL && subject != NULL);
}

static void
on_begin(void *arg, uint32_t job, uint32_t uid, uint32_t slot)
{
	(void)arg, (void)job, (void)uid, (void)slot;
}

static void
on_message(void *arg, uint32_t job, int fd, const struct session_message *m)
{
	struct fuzz *f = arg;

	(void)job;
	close(fd);
	must(m->slot < f->slots);
}

static void
on_done(void *arg, uint32_t job, const struct session_done *d)
{
	struct fuzz *f = arg;

	must(job >= 1 && job <= 7 && d->text != NULL && d->result < DONE_RESULTS);
	must(++f->done <= 7); /* each job is done once */
}

static const struct session_ops ops = { on_write, on_slot, on_unslot, on_online, on_folder, on_rows, on_uids,
	on_header, on_begin, on_message, on_done };

static void
ask(struct session *s)
{
	static const struct session_range all = { 1, 4000 };
	static const char pattern[] = "*";
	const struct session_job job[] = {
		{ .kind = JOB_LOOK,
		    .id = 1,
		    .patterns = pattern,
		    .patterns_len = sizeof(pattern),
		    .npattern = 1 },
		{ .kind = JOB_FETCH,
		    .id = 2,
		    .uidvalidity = 0,
		    .ask = ASK_FLAGS | ASK_DATE | ASK_SIZE | ASK_MSGID,
		    .folder = "INBOX",
		    .range = &all,
		    .nrange = 1 },
		{ .kind = JOB_FETCH,
		    .id = 3,
		    .ask = ASK_FLAGS | ASK_DATE | ASK_SIZE | ASK_BODY,
		    .folder = "INBOX",
		    .range = &all,
		    .nrange = 1 },
		{ .kind = JOB_FETCH,
		    .id = 7,
		    .ask = ASK_FLAGS | ASK_HEADER,
		    .folder = "INBOX",
		    .range = &all,
		    .nrange = 1 },
		{ .kind = JOB_SEARCH, .id = 4, .folder = "INBOX", .criteria = "ALL" },
		{ .kind = JOB_STORE, .id = 5, .folder = "INBOX", .add = MF_SEEN, .range = &all, .nrange = 1 },
		{ .kind = JOB_MOVE,
		    .id = 6,
		    .folder = "INBOX",
		    .target = "Done",
		    .how = MOVE_MOVE,
		    .range = &all,
		    .nrange = 1 },
	};

	for (size_t i = 0; i < sizeof(job) / sizeof(job[0]); i++)
		session_job(s, &job[i]);
}

/* The server's bytes: tags put in. */
static void
tagged(struct str *out, const uint8_t *data, size_t n)
{
	unsigned tag = 0;

	for (size_t i = 0; i < n; i++)
		if (data[i] == '$' && (i == 0 || data[i - 1] == '\n'))
			str_addf(out, "m%u", ++tag);
		else
			str_addc(out, (char)data[i]);
}

static void
feed(struct session *s, struct fuzz *f, const struct str *in, size_t piece)
{
	size_t at, used;

	for (at = 0; at < in->len; at += used) {
		size_t k = in->len - at < piece ? in->len - at : piece;

		if (session_feed(s, in->s + at, k, &used) == -1)
			return;
		must(used <= k);
		if (!session_wants_slot(s)) {
			must(used == k);
			continue;
		}
		f->free = 8;
		if (f->slots > 4096 || session_resume(s) == -1)
			return;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct secret token = SECRET_INIT;
	struct session_params p = { .user = "u@example.org", .token = &token };
	struct fuzz f = { .free = 64 };
	struct str in = STR_INIT;
	struct session *s;

	if (n < 2)
		return 0;
	p.two_step = data[1] & 1;
	p.no_pipeline = data[1] & 2;
	p.crlf = data[1] & 4;
	secret_adds(&token, "eyJ0.token.x");
	s = session_new(&p, &ops, &f);
	ask(s);
	tagged(&in, data + 2, n - 2);
	feed(s, &f, &in, data[0] == 0 ? n + 1 : data[0]);
	if (session_lost(s) == NULL) {
		struct err e = ERR_INIT;

		err_set(&e, ERR_AGAIN, STAGE_FETCH, NULL, "the input ended");
		session_eof(s, &e);
	}
	must(session_lost(s) != NULL);
	session_free(s);
	str_release(&in);
	secret_release(&token);
	return 0;
}
