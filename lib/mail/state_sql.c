/*
 * state_sql: schema and statements.
 *
 *	run		one row: the id, the last group committed, the last one delivered
 *	mailbox		user at host
 *	folder		its name
 *	generation	one UIDVALIDITY of a folder; the greatest seq is the current one
 *	message		65 bytes each; no stored name (it can be derived), no text
 *	owed		messages of groups that are pending, or whose receipt is owed:
 *			a few hundred at most, emptied by group number
 *	skip		UID ranges that a limit left out
 *	poison		quarantined UIDs
 *	note		small facts
 *
 * Databases of earlier versions may have a table "former", which nothing uses.
 */
#include "mail/state_int.h"

const struct state_object state_schema[] = {
	{ "run",
	    "CREATE TABLE run (one INTEGER PRIMARY KEY CHECK (one = 0), id BLOB NOT NULL, "
	    "grp INTEGER NOT NULL, delivered INTEGER NOT NULL)" },
	{ "mailbox",
	    "CREATE TABLE mailbox (id INTEGER PRIMARY KEY, user TEXT NOT NULL, host TEXT NOT NULL, "
	    "UNIQUE (user, host))" },
	{ "folder",
	    "CREATE TABLE folder (id INTEGER PRIMARY KEY, mailbox INTEGER NOT NULL, name TEXT NOT NULL, "
	    "UNIQUE (mailbox, name))" },
	{ "generation",
	    "CREATE TABLE generation (id INTEGER PRIMARY KEY, folder INTEGER NOT NULL, "
	    "seq INTEGER NOT NULL, uidvalidity INTEGER NOT NULL, settled INTEGER NOT NULL, "
	    "uidnext INTEGER NOT NULL, vanished INTEGER NOT NULL, adopt INTEGER NOT NULL)" },
	{ "generation_folder", "CREATE INDEX generation_folder ON generation (folder, seq)" },
	{ "message",
	    "CREATE TABLE message (gen INTEGER NOT NULL, uid INTEGER NOT NULL, date INTEGER NOT NULL, "
	    "bytes INTEGER NOT NULL, sha256 BLOB, msgid INTEGER NOT NULL, marks INTEGER NOT NULL, "
	    "PRIMARY KEY (gen, uid)) WITHOUT ROWID" },
	{ "owed",
	    "CREATE TABLE owed (gen INTEGER NOT NULL, uid INTEGER NOT NULL, grp INTEGER NOT NULL, "
	    "slot INTEGER NOT NULL, PRIMARY KEY (gen, uid)) WITHOUT ROWID" },
	{ "skip",
	    "CREATE TABLE skip (gen INTEGER NOT NULL, lim INTEGER NOT NULL, lo INTEGER NOT NULL, "
	    "hi INTEGER NOT NULL, value INTEGER NOT NULL, PRIMARY KEY (gen, lim, lo)) WITHOUT ROWID" },
	{ "poison",
	    "CREATE TABLE poison (gen INTEGER NOT NULL, uid INTEGER NOT NULL, first INTEGER NOT NULL, "
	    "next INTEGER NOT NULL, tries INTEGER NOT NULL, reported INTEGER NOT NULL, reason TEXT NOT NULL, "
	    "PRIMARY KEY (gen, uid)) WITHOUT ROWID" },
	{ "note", "CREATE TABLE note (name TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID" }
};
const size_t state_nschema = sizeof state_schema / sizeof *state_schema;

#define GEN_COLUMNS "g.id, g.folder, g.uidvalidity, g.settled, g.uidnext, g.vanished, g.adopt"
#define GEN_OF \
	"FROM mailbox b JOIN folder f ON f.mailbox = b.id JOIN generation g ON g.folder = f.id " \
	"WHERE b.user = lower(?1) AND b.host = lower(?2) AND f.name = ?3"
#define MSG_COLUMNS "(gen, uid, date, bytes, sha256, msgid, marks)"

static const char *const sql[] = { [SQL_BEGIN] = "BEGIN IMMEDIATE",
	[SQL_COMMIT] = "COMMIT",
	[SQL_ROLLBACK] = "ROLLBACK",
	[SQL_RUN_SET] = "UPDATE run SET grp = ?1, delivered = ?2 WHERE one = 0",

	[SQL_MAILBOX_FIND] = "SELECT id FROM mailbox WHERE user = lower(?1) AND host = lower(?2)",
	[SQL_MAILBOX_ADD] = "INSERT INTO mailbox (user, host) VALUES (lower(?1), lower(?2))",

	[SQL_FOLDER_FIND] = "SELECT id FROM folder WHERE mailbox = ?1 AND name = ?2",
	[SQL_FOLDER_ADD] = "INSERT INTO folder (mailbox, name) VALUES (?1, ?2)",

	[SQL_GEN_NEWEST] = "SELECT " GEN_COLUMNS " " GEN_OF " ORDER BY g.seq DESC LIMIT 1",
	[SQL_GEN_EXACT] =
	    "SELECT " GEN_COLUMNS " " GEN_OF " AND g.uidvalidity = ?4 ORDER BY g.seq DESC LIMIT 1",
	[SQL_GEN_GET] = "SELECT " GEN_COLUMNS " FROM generation g WHERE g.id = ?1",
	[SQL_GEN_ADD] =
	    "INSERT INTO generation (folder, seq, uidvalidity, settled, uidnext, vanished, adopt) "
	    "SELECT ?1, coalesce(max(seq), 0) + 1, ?2, 1, 1, 0, 0 FROM generation WHERE folder = ?1",
	[SQL_GEN_SETTLE] = "UPDATE generation SET settled = ?2, uidnext = max(uidnext, ?3) WHERE id = ?1",
	[SQL_GEN_VANISHED] = "UPDATE generation SET vanished = ?2 WHERE id = ?1",
	[SQL_GEN_ADOPT] = "UPDATE generation SET adopt = ?2 WHERE id = ?1",

	[SQL_MSG_FIND] = "SELECT " STATE_MSG_COLUMNS " FROM message m WHERE m.gen = ?1 AND m.uid = ?2",
	[SQL_MSG_ADD] = "INSERT INTO message " MSG_COLUMNS " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
	[SQL_MSG_RESTORE] =
	    "INSERT OR IGNORE INTO message " MSG_COLUMNS " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
	[SQL_MSG_DELETE] = "DELETE FROM message WHERE gen = ?1 AND uid = ?2",
	[SQL_MSG_CLAIM] =
	    "UPDATE message SET marks = marks | ?3 WHERE gen = ?1 AND uid = ?2 AND marks & ?3 = 0",
	[SQL_MSG_ADOPT] =
	    "INSERT INTO message " MSG_COLUMNS " "
	    "SELECT ?3, ?4, ?5, bytes, sha256, msgid, ?6 FROM message WHERE gen = ?1 AND uid = ?2",

	[SQL_OWED_ADD] = "INSERT INTO owed (gen, uid, grp, slot) VALUES (?1, ?2, ?3, ?4)",
	[SQL_OWED_DELETE] = "DELETE FROM owed WHERE gen = ?1 AND uid = ?2",
	[SQL_OWED_PAY] =
	    "DELETE FROM owed WHERE grp <= ?2 AND gen IN "
	    "(SELECT g.id FROM generation g JOIN folder f ON f.id = g.folder WHERE f.mailbox = ?1)",

	[SQL_SKIP_ADD] = "INSERT INTO skip (gen, lim, lo, hi, value) VALUES (?1, ?2, ?3, ?4, ?5)",
	[SQL_SKIP_CLEAR] = "DELETE FROM skip WHERE gen = ?1 AND lim = ?2",
	[SQL_SKIP_DROP] = "DELETE FROM skip WHERE gen = ?1",

	[SQL_POISON_PUT] = "INSERT OR REPLACE INTO poison (gen, uid, first, next, tries, reported, reason) "
			   "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
	[SQL_POISON_DELETE] = "DELETE FROM poison WHERE gen = ?1 AND uid = ?2",
	[SQL_POISON_DROP] = "DELETE FROM poison WHERE gen = ?1",

	[SQL_NOTE_SET] = "INSERT OR REPLACE INTO note (name, value) VALUES (?1, ?2)",
	[SQL_NOTE_GET] = "SELECT value FROM note WHERE name = ?1" };
_Static_assert(sizeof sql / sizeof *sql == SQL_COUNT, "a text for each statement");

const char *
state_sql(enum state_sql i)
{
	return sql[i];
}
