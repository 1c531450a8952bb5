#include "tool/place.h"

#include <stdio.h>
#include <string.h>

#include "crew/wire.h"
#include "imap/folder.h"

static void
note_key(char key[32], const char *user, const char *folder)
{
	char hash[17];

	maildir_folder_hash(hash, user, folder);
	snprintf(key, 32, "tree:%s", hash);
}

int
place_subdir_of(struct str *subdir, const char *folder, int delimiter, struct err *err)
{
	struct str raw = STR_INIT;
	char dir[512];
	int rc;

	str_clear(subdir);
	str_adds(subdir, "");
	if (delimiter == -1 || strcmp(folder, "INBOX") == 0)
		return 0;
	if (utf7_encode(&raw, folder) == -1)
		return err_set(err, ERR_CREATE, STAGE_FOLDER, folder, "the name is not UTF-8");
	if ((rc = maildir_subdir(dir, raw.s, (char)delimiter, err)) == 0)
		str_adds(subdir, dir);
	str_release(&raw);
	return rc;
}

/* The note holds the delimiter plus one, so that zero means "no tree". */
int
place_subdir(struct str *subdir, struct state *st, const char *user, const char *folder, struct err *err)
{
	int64_t value = 0;
	char key[32];

	note_key(key, user, folder);
	if (state_note_get(st, key, &value, err) == -1)
		return -1;
	return place_subdir_of(subdir, folder, (int)value - 1, err);
}

int
place_note(struct state *st, const char *user, const char *folder, int delimiter, struct err *err)
{
	int64_t value = 0;
	char key[32];

	note_key(key, user, folder);
	if (state_note_get(st, key, &value, err) == -1)
		return -1;
	if (value == delimiter + 1)
		return 0;
	return state_note_set(st, key, delimiter + 1, err);
}

void
place_name(char name[PLACE_NAME], const struct place_id *id, const struct state_msg *m)
{
	struct maildir_name n = { .date = m->date == DATE_NONE ? 0 : m->date,
		.uidvalidity = id->uidvalidity,
		.uid = m->uid,
		.bytes = m->bytes };

	maildir_folder_hash(n.folder, id->user, id->folder);
	snprintf(n.host, sizeof n.host, "%s", id->host);
	maildir_name(name, &n);
}

int
place_file(struct maildir *md, const struct place_id *id, const struct state_msg *m, struct err *err)
{
	char name[PLACE_NAME], info[16] = "";
	struct maildir_target t = { .subdir = id->subdir,
		.name = name,
		.info = info,
		.cur = (m->flags & PLACE_FLAGS) != 0 };

	place_name(name, id, m);
	if (t.cur)
		maildir_info(info, m->flags & PLACE_FLAGS);
	return maildir_place(md, m->slot, &t, err);
}

void
place_path(struct str *path, const struct maildir *md, const struct place_id *id, const struct state_msg *m)
{
	char name[PLACE_NAME], info[16] = "";
	bool cur = (m->flags & PLACE_FLAGS) != 0;

	place_name(name, id, m);
	if (cur)
		maildir_info(info, m->flags & PLACE_FLAGS);
	str_addf(path, "%s/%s%s%s/%s%s", maildir_path(md), id->subdir, *id->subdir ? "/" : "",
	    cur ? "cur" : "new", name, info);
}

int
place_receipt(struct ledger *out, const struct place_id *id, const struct state_msg *m, const char *path,
    struct err *err)
{
	struct receipt r = { .user = id->user,
		.folder = id->folder,
		.uidvalidity = id->uidvalidity,
		.uid = m->uid,
		.date = m->date,
		.bytes = m->bytes,
		.path = path };

	memcpy(r.sha256, m->sha256, sizeof r.sha256);
	return ledger_add(out, &r, err);
}
