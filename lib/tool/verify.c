#include "tool/verify.h"

#include <sys/stat.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/progress.h"
#include "base/util.h"
#include "imap/folder.h"
#include "tool/rebuild.h"
#include "tool/rebuild_int.h"
#include "tool/verify_int.h"

/* --- lines --- */

static void
field(struct verify *v, const char *name, const char *value, bool text)
{
	struct str *l = &v->line;

	if (v->o->json) {
		str_addf(l, "%s\"%s\":", l->len > 0 ? "," : "{", name);
		if (text)
			json_add(l, value);
		else
			str_adds(l, value);
		return;
	}
	if (l->len > 0)
		str_addc(l, '\t');
	tsv_add(l, value);
}

int
verify_tell(struct verify *v, const struct place *p, uint32_t uid, int64_t date, enum finding what,
    const char *detail)
{
	static const char *const name[] = { [MISSING] = "missing",
		[ALTERED] = "altered",
		[QUARANTINED] = "quarantined",
		[GONE] = "gone",
		[CONSUMED] = "consumed",
		[BASELINED] = "baselined" };
	char number[16], when[32];
	bool dated = date > 0;

	v->count[what]++;
	str_clear(&v->line);
	field(v, "user", v->store.user, true);
	field(v, "folder", p->folder, true);
	snprintf(number, sizeof number, "%u", p->gen.uidvalidity);
	field(v, "uidvalidity", number, false);
	snprintf(number, sizeof number, "%u", uid);
	field(v, "uid", number, false);
	field(v, "date", dated ? iso_time(when, date) : v->o->json ? "null" : "-", dated);
	field(v, "status", name[what], true);
	field(v, "detail", detail, true);
	str_adds(&v->line, v->o->json ? "}\n" : "\n");
	return ledger_line(v->out, v->line.s, v->line.len, v->err);
}

/* --- the generations that the state has of this mailbox --- */

/* Is the folder one of those that -F and -X choose?  All of them without -F. */
static bool
chosen(const struct options *o, const char *name, char delimiter, uint32_t attrs)
{
	bool in = o->folder.n == 0;
	size_t i;

	for (i = 0; i < o->folder.n && !in; i++)
		in = folder_match(o->folder.v[i], name, delimiter, attrs);
	for (i = 0; i < o->exclude.n && in; i++)
		in = !folder_match(o->exclude.v[i], name, delimiter, attrs);
	return in;
}

static int
note_generation(const char *user, const char *host, const char *folder, const struct state_gen *g, void *arg)
{
	struct verify *v = arg;
	const struct audit_folder *f = audit_find(v->audit, folder);
	struct place *p;

	if (strcasecmp(user, v->store.user) != 0 || strcasecmp(host, v->store.host) != 0 ||
	    !chosen(v->o, folder, f == NULL ? '/' : f->delimiter, f == NULL ? 0 : f->attrs))
		return 0;
	v->place = xreallocarray(v->place, v->nplace + 1, sizeof *v->place);
	p = &v->place[v->nplace++];
	*p = (struct place){ .folder = xstrdup(folder), .gen = *g, .server = f };
	return 0;
}

/* Oldest first within a folder: the last of each is the present one. */
static void
judge_generations(struct verify *v)
{
	size_t i;

	for (i = 0; i < v->nplace; i++) {
		struct place *p = &v->place[i];
		bool newest = i + 1 == v->nplace || v->place[i + 1].gen.folder_id != p->gen.folder_id;

		if (!newest)
			p->standing = FORMER;
		else if (p->server == NULL)
			p->standing = FOLDER_WENT;
		else if (!p->server->counted || p->server->uidvalidity != p->gen.uidvalidity ||
		    p->server->uidnext < p->gen.uidnext)
			p->standing = UNKNOWN;
		else
			p->standing = PRESENT;
		if (p->standing == UNKNOWN)
			log_warn("%s: the server %s: its messages are compared with the files alone",
			    p->folder,
			    p->server->counted ? "has numbered it anew" : "does not let it be looked at");
	}
}

static void
tell_unknown_folders(const struct verify *v)
{
	size_t i, k;

	for (i = 0; i < v->audit->nfolder; i++) {
		const struct audit_folder *f = &v->audit->folder[i];

		if (!chosen(v->o, f->name, f->delimiter, f->attrs))
			continue;
		for (k = 0; k < v->nplace && strcmp(v->place[k].folder, f->name) != 0; k++)
			;
		if (k == v->nplace)
			log_v(1, "%s: nothing has been fetched from this folder", f->name);
	}
}

static int
note_pending(const struct state_row *row, void *arg)
{
	struct verify *v = arg;

	v->pending = xreallocarray(v->pending, v->npending + 1, sizeof *v->pending);
	v->pending[v->npending++] = (struct pending){ row->gen, row->msg.uid };
	return 0;
}

static int
note_debt(const struct state_row *row, void *arg)
{
	return note_pending(row, arg);
}

static int
note_name(int64_t folder_id, const char *name, void *arg)
{
	struct verify *v = arg;
	struct alias *a;

	v->alias = xreallocarray(v->alias, v->nalias + 1, sizeof *v->alias);
	a = &v->alias[v->nalias++];
	maildir_folder_hash(a->hash, v->store.user, name);
	a->folder_id = folder_id;
	return 0;
}

static int
load(struct verify *v)
{
	struct state *st = v->store.state;

	if (st == NULL)
		return 0;
	if (state_gen_every(st, note_generation, v, v->err) == -1 ||
	    state_name_each(st, v->store.user, v->store.host, note_name, v, v->err) == -1 ||
	    state_pending_each(st, note_pending, v, v->err) == -1)
		return -1;
	v->nplaced = v->npending;
	if (state_debt_each(st, v->store.user, v->store.host, note_debt, v, v->err) == -1)
		return -1;
	judge_generations(v);
	tell_unknown_folders(v);
	if (v->nplaced > 0)
		log_v(1,
		    "the last run was interrupted, or the files of its last group are just being noted: "
		    "%zu messages that have no file yet would not be reported",
		    v->nplaced);
	return 0;
}

/* --- the run --- */

/* --verify makes nothing, and --prune nothing but what it deletes from a state that is there. */
static int
begin(struct verify *v)
{
	struct stat st;

	v->out = ledger_new(STDOUT_FILENO, v->o->json ? RECEIPT_JSON : RECEIPT_TSV, false);
	ledger_set_stop(v->out, v->stop);
	if (stat(v->o->maildir, &st) == -1)
		return err_sys(v->err, ERR_NOENT, STAGE_FILE, errno, v->o->maildir, "no such Maildir");
	if (store_open(&v->store, v->o, STORE_LOOK, v->err) == -1)
		return -1;
	if (v->o->prune && v->store.state != NULL) {
		store_close(&v->store);
		if (store_open(&v->store, v->o, STORE_RUN, v->err) == -1)
			return -1;
	}
	if (v->store.state == NULL)
		log_v(1, "%s: nothing has been fetched to it", v->o->maildir);
	v->keeps = maildir_has_ours(v->store.md, v->err);
	return v->keeps == -1 ? -1 : 0;
}

static void
tell_summary(const struct verify *v)
{
	const uint64_t *c = v->count;

	log_v(1,
	    "%llu messages on the server, %llu files compared: %llu missing, %llu altered, %llu quarantined, "
	    "%llu gone from the server, %llu consumed, %llu baselined, %llu left out by limits, %llu not fetched yet",
	    (unsigned long long)v->on_server, (unsigned long long)v->compared, (unsigned long long)c[MISSING],
	    (unsigned long long)c[ALTERED], (unsigned long long)c[QUARANTINED], (unsigned long long)c[GONE],
	    (unsigned long long)c[CONSUMED], (unsigned long long)c[BASELINED], (unsigned long long)v->skipped,
	    (unsigned long long)v->fresh);
	if (v->o->prune)
		log_v(1, "%llu records pruned", (unsigned long long)v->pruned);
	log_v(1, "an online archive mailbox cannot be reached by IMAP and is not part of this");
}

static int
work(struct verify *v)
{
	size_t i;

	if (audit_look(v->audit, v->err) == -1 || load(v) == -1)
		return -1;
	for (i = 0; i < v->nplace; i++)
		if (verify_place(v, &v->place[i]) == -1)
			return -1;
	return verify_files(v);
}

static void
end(struct verify *v)
{
	size_t i;

	for (i = 0; i < v->nplace; i++)
		free(v->place[i].folder);
	free(v->place);
	free(v->pending);
	free(v->alias);
	free(v->want);
	free(v->host);
	audit_free(v->audit);
	ledger_free(v->out);
	str_release(&v->line);
	store_close(&v->store);
}

int
verify_run(const struct options *o, struct source *source, const volatile sig_atomic_t *stop,
    struct fetch_report *report, struct err *err)
{
	struct verify v = { .o = o, .stop = stop, .err = err, .store = STORE_INIT };
	char *user;
	int rc;

	memset(report, 0, sizeof *report);
	progress_init(!o->quiet && !o->no_progress);
	rebuild_names(&user, &v.host, o);
	free(user);
	v.audit = audit_new(o, source, stop);
	rc = begin(&v);
	if (rc == 0)
		rc = work(&v);
	progress_end();
	if (rc == 0)
		tell_summary(&v);
	if (ledger_flush(v.out, rc == 0 ? err : NULL) == -1)
		rc = -1;
	if (rc == 0 && v.count[MISSING] + v.count[ALTERED] > 0)
		rc = err_set(err, ERR_DATA, STAGE_FILE, o->maildir,
		    "%llu messages are missing, %llu are altered", (unsigned long long)v.count[MISSING],
		    (unsigned long long)v.count[ALTERED]);
	end(&v);
	return rc;
}
