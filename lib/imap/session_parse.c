/*
 * libetpan as a parser of single responses: each is put, followed by a tagged
 * OK of our own, into a stream that lives in memory.  What libetpan 1.9.4 does
 * badly on a live stream (loops at end of file, BYE without its text, numbers
 * of a literal modulo 2^32) cannot happen here, and a response it cannot parse
 * costs nothing but itself.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <libetpan/libetpan.h>

#include "imap/folder.h"
#include "imap/session_priv.h"

#define STREAM_BUFFER 2048 /* mailstream moves the rest of its buffer for each line: small */
#define TAIL "1 OK .\r\n"
#define DEPTH_LIMIT 1000

struct parser {
	mailimap *imap; /* owned, with its stream */
	const char *p;	/* foreign: what is left to read */
	size_t left;
	const char *tail;
	struct mailimap_response *resp; /* owned: of the last parse */
	struct str line;		/* owned: a LIST answer taken apart by hand */
};

static ssize_t
mem_read(mailstream_low *low, void *buf, size_t size)
{
	struct parser *x = low->data;
	size_t n;

	if (x->left == 0 && x->tail != NULL) {
		x->p = x->tail;
		x->left = strlen(x->tail);
		x->tail = NULL;
	}
	if (x->left == 0)
		return -1;
	n = x->left < size ? x->left : size;
	memcpy(buf, x->p, n);
	x->p += n;
	x->left -= n;
	return (ssize_t)n;
}

static ssize_t
mem_write(mailstream_low *low, const void *buf, size_t size)
{
	(void)low;
	(void)buf;
	return (ssize_t)size;
}

static int
mem_close(mailstream_low *low)
{
	(void)low;
	return 0;
}

static int
mem_fd(mailstream_low *low)
{
	(void)low;
	return -1;
}

static void
mem_free(mailstream_low *low)
{
	free(low);
}

static void
mem_cancel(mailstream_low *low)
{
	(void)low;
}

static mailstream_low_driver mem_driver = {
	.mailstream_read = mem_read,
	.mailstream_write = mem_write,
	.mailstream_close = mem_close,
	.mailstream_get_fd = mem_fd,
	.mailstream_free = mem_free,
	.mailstream_cancel = mem_cancel,
};

struct parser *
parser_new(void)
{
	struct parser *x = xcalloc(1, sizeof *x);
	mailstream_low *low = mailstream_low_new(x, &mem_driver);

	x->imap = mailimap_new(0, NULL);
	if (low == NULL || x->imap == NULL)
		util_no_memory();
	x->imap->imap_stream = mailstream_new(low, STREAM_BUFFER);
	x->imap->imap_connection_info = mailimap_connection_info_new(); /* mailimap_connect would make it */
	if (x->imap->imap_stream == NULL || x->imap->imap_connection_info == NULL)
		util_no_memory();
	x->imap->imap_tag = 1;
	return x;
}

void
parser_free(struct parser *x)
{
	if (x == NULL)
		return;
	if (x->resp != NULL)
		mailimap_response_free(x->resp);
	mailstream_close(x->imap->imap_stream);
	x->imap->imap_stream = NULL; /* or mailimap_free would say LOGOUT */
	mailimap_free(x->imap);
	str_release(&x->line);
	free(x);
}

/* libetpan leaves an empty list out here and there. */
static clistiter *
first(const clist *l)
{
	return l == NULL ? NULL : clist_begin(l);
}

/* libetpan goes into parentheses by recursion. */
static bool
too_deep(const char *p, size_t n)
{
	size_t i, depth = 0;

	for (i = 0; i < n; i++) {
		if (p[i] == '(' && ++depth > DEPTH_LIMIT)
			return true;
		if (p[i] == ')' && depth > 0)
			depth--;
	}
	return false;
}

/* The result is in imap_response_info. */
static int
parse(struct parser *x, const char *p, size_t n)
{
	int r;

	if (too_deep(p, n))
		return -1;
	if (x->resp != NULL)
		mailimap_response_free(x->resp);
	x->resp = NULL;
	x->p = p;
	x->left = n;
	x->tail = TAIL;
	x->imap->imap_stream->read_buffer_len = 0;
	if (mailimap_read_line(x->imap) == NULL)
		return -1;
	r = mailimap_parse_response(x->imap, &x->resp);
	if (r != MAILIMAP_NO_ERROR) {
		x->resp = NULL;
		return -1;
	}
	return x->imap->imap_response_info != NULL ? 0 : -1;
}

/* --- FETCH --- */

/* Days since 1970-01-01 of a date of the proleptic Gregorian calendar. */
static int64_t
days(int y, int m, int d)
{
	int64_t era, yoe, doy;

	y -= m <= 2;
	era = (y >= 0 ? y : y - 399) / 400;
	yoe = y - era * 400;
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static int64_t
seconds(const struct mailimap_date_time *t)
{
	int zone = abs(t->dt_zone), east;

	if (t->dt_year < 1 || t->dt_year > 9999 || t->dt_month < 1 || t->dt_month > 12 || t->dt_day < 1 ||
	    t->dt_day > 31 || t->dt_hour < 0 || t->dt_hour > 23 || t->dt_min < 0 || t->dt_min > 59 ||
	    t->dt_sec < 0 || t->dt_sec > 60 || zone > 2359 || zone % 100 > 59)
		return DATE_NONE;
	east = (zone / 100 * 60 + zone % 100) * 60;
	return days(t->dt_year, t->dt_month, t->dt_day) * 86400 + t->dt_hour * 3600 + t->dt_min * 60 +
	    t->dt_sec - (t->dt_zone < 0 ? -east : east);
}

static uint32_t
flag_bit(const struct mailimap_flag *f)
{
	switch (f->fl_type) {
	case MAILIMAP_FLAG_ANSWERED:
		return MF_ANSWERED;
	case MAILIMAP_FLAG_FLAGGED:
		return MF_FLAGGED;
	case MAILIMAP_FLAG_DELETED:
		return MF_DELETED;
	case MAILIMAP_FLAG_SEEN:
		return MF_SEEN;
	case MAILIMAP_FLAG_DRAFT:
		return MF_DRAFT;
	case MAILIMAP_FLAG_KEYWORD:
		return strcasecmp(f->fl_data.fl_keyword, "$MDNSent") == 0 ? MF_MDNSENT : 0;
	default:
		return 0;
	}
}

static void
take_flags(const struct mailimap_msg_att_dynamic *dyn, struct fetched *f)
{
	const struct mailimap_flag_fetch *flag;
	clistiter *i;

	f->has_flags = true;
	if (dyn == NULL)
		return;
	for (i = first(dyn->att_list); i != NULL; i = clist_next(i)) {
		flag = clist_content(i);
		if (flag->fl_type == MAILIMAP_FLAG_FETCH_OTHER && flag->fl_flag != NULL)
			f->row.flags |= flag_bit(flag->fl_flag);
	}
}

static void
take_section(const struct mailimap_msg_att_body_section *s, struct fetched *f)
{
	bool whole = s->sec_section == NULL || s->sec_section->sec_spec == NULL;

	if (whole && s->sec_body_part != NULL) {
		f->body = true;
		f->data = s->sec_body_part;
		f->data_len = s->sec_length;
	} else if (!whole) {
		f->header = true;
		f->block = s->sec_body_part;
		f->block_len = s->sec_body_part != NULL ? s->sec_length : 0;
	}
}

static void
take_static(const struct mailimap_msg_att_static *st, struct fetched *f)
{
	switch (st->att_type) {
	case MAILIMAP_MSG_ATT_INTERNALDATE:
		f->has_date = true;
		f->row.date = seconds(st->att_data.att_internal_date);
		break;
	case MAILIMAP_MSG_ATT_RFC822_SIZE:
		f->has_size = true;
		f->row.size = st->att_data.att_rfc822_size;
		break;
	case MAILIMAP_MSG_ATT_BODY_SECTION:
		take_section(st->att_data.att_body_section, f);
		break;
	case MAILIMAP_MSG_ATT_UID:
		f->row.uid = st->att_data.att_uid;
		break;
	default:
		break;
	}
}

int
parse_fetch(struct parser *x, const char *p, size_t n, struct fetched *f)
{
	const struct mailimap_msg_att_item *item;
	const struct mailimap_msg_att *att;
	clistiter *i;

	memset(f, 0, sizeof *f);
	f->row.date = DATE_NONE;
	if (parse(x, p, n) == -1)
		return -1;
	i = first(x->imap->imap_response_info->rsp_fetch_list);
	if (i == NULL)
		return 0;
	att = clist_content(i);
	for (i = first(att->att_list); i != NULL; i = clist_next(i)) {
		item = clist_content(i);
		if (item->att_type == MAILIMAP_MSG_ATT_ITEM_DYNAMIC)
			take_flags(item->att_data.att_dyn, f);
		else if (item->att_type == MAILIMAP_MSG_ATT_ITEM_STATIC)
			take_static(item->att_data.att_static, f);
	}
	return 1;
}

/* --- LIST, STATUS, SEARCH, CAPABILITY --- */

static uint32_t
list_attrs(const struct mailimap_mbx_list_flags *flags)
{
	const struct mailimap_mbx_list_oflag *o;
	uint32_t attrs = 0;
	clistiter *i;

	if (flags == NULL)
		return 0;
	if (flags->mbf_type == MAILIMAP_MBX_LIST_FLAGS_SFLAG) {
		if (flags->mbf_sflag == MAILIMAP_MBX_LIST_SFLAG_NOSELECT)
			attrs |= FA_NOSELECT;
		else if (flags->mbf_sflag == MAILIMAP_MBX_LIST_SFLAG_MARKED)
			attrs |= FA_MARKED;
	}
	for (i = first(flags->mbf_oflags); i != NULL; i = clist_next(i)) {
		o = clist_content(i);
		if (o->of_type == MAILIMAP_MBX_LIST_OFLAG_NOINFERIORS)
			attrs |= FA_NOINFERIORS;
		else if (o->of_flag_ext != NULL)
			attrs |= folder_attr(o->of_flag_ext);
	}
	return attrs;
}

/* What is quoted, without its quotes, in place.  (libetpan leaves them on the name of a STATUS answer.) */
static char *
unquote(char *s)
{
	char *to = s, *from = s + 1;
	size_t n = strlen(s);

	if (n < 2 || s[0] != '"' || s[n - 1] != '"')
		return s;
	for (s[n - 1] = '\0'; *from != '\0'; from++) {
		if (*from == '\\' && from[1] != '\0')
			from++;
		*to++ = *from;
	}
	*to = '\0';
	return s;
}

/* One blank-separated word of a LIST answer: quoted, or up to the blank.  Cut off at *p, unquoted. */
static char *
list_word(char **p)
{
	char *from = *p, *end;

	if (*from == '"') {
		for (end = from + 1; *end != '\0' && *end != '"'; end++)
			if (*end == '\\' && end[1] != '\0')
				end++;
		end += *end == '"';
	} else {
		end = from + strcspn(from, " ");
	}
	*p = *end != '\0' ? end + 1 : end;
	*end = '\0';
	return unquote(from);
}

/*
 * Exchange has been seen to leave control characters in names unquoted (MailKit
 * #945), which libetpan refuses.  Then: attributes, delimiter, and all the rest
 * is the name.
 */
static int
list_by_hand(struct parser *x, const char *p, size_t n, struct listed *l)
{
	char *open, *close, *at, *attr, *save = NULL;

	str_clear(&x->line);
	str_add(&x->line, p, n);
	x->line.s[strcspn(x->line.s, "\r\n")] = '\0';
	open = strchr(x->line.s, '(');
	close = open != NULL ? strchr(open, ')') : NULL;
	if (close == NULL || close[1] != ' ')
		return -1;
	*close = '\0';
	for (attr = strtok_r(open + 1, " ", &save); attr != NULL; attr = strtok_r(NULL, " ", &save))
		l->attrs |= folder_attr(attr);
	at = close + 2;
	attr = list_word(&at);
	l->delimiter = strlen(attr) == 1 ? *attr : '\0';
	l->raw = *at == '"' ? unquote(at) : at;
	return *l->raw != '\0' && *l->raw != '{' ? 1 : -1;
}

int
parse_list(struct parser *x, const char *p, size_t n, struct listed *l)
{
	const struct mailimap_mailbox_list *m;
	clistiter *i;

	memset(l, 0, sizeof *l);
	if (parse(x, p, n) == -1)
		return list_by_hand(x, p, n, l);
	i = first(x->imap->imap_response_info->rsp_mailbox_list);
	if (i == NULL)
		return 0;
	m = clist_content(i);
	l->raw = m->mb_name;
	l->delimiter = m->mb_delimiter;
	l->attrs = list_attrs(m->mb_flag);
	return 1;
}

int
parse_status(struct parser *x, const char *p, size_t n, struct status *st)
{
	const struct mailimap_mailbox_data_status *s;
	const struct mailimap_status_info *info;
	clistiter *i;

	memset(st, 0, sizeof *st);
	if (parse(x, p, n) == -1)
		return -1;
	s = x->imap->imap_response_info->rsp_status;
	if (s == NULL)
		return 0;
	st->raw = unquote(s->st_mailbox);
	if (s->st_info_list == NULL)
		return 1;
	for (i = first(s->st_info_list); i != NULL; i = clist_next(i)) {
		info = clist_content(i);
		if (info->st_att == MAILIMAP_STATUS_ATT_UIDVALIDITY) {
			st->uidvalidity = info->st_value;
			st->has_uidvalidity = true;
		} else if (info->st_att == MAILIMAP_STATUS_ATT_UIDNEXT) {
			st->uidnext = info->st_value;
			st->has_uidnext = true;
		} else if (info->st_att == MAILIMAP_STATUS_ATT_MESSAGES) {
			st->messages = info->st_value;
		} else if (info->st_att == MAILIMAP_STATUS_ATT_UNSEEN) {
			st->unseen = info->st_value;
		}
	}
	return 1;
}

int
parse_search(struct parser *x, const char *p, size_t n, void (*uid)(void *, uint32_t), void *arg)
{
	clistiter *i;

	if (parse(x, p, n) == -1)
		return -1;
	if (x->imap->imap_response_info->rsp_search_result == NULL)
		return 0;
	for (i = first(x->imap->imap_response_info->rsp_search_result); i != NULL; i = clist_next(i))
		uid(arg, *(const uint32_t *)clist_content(i));
	return 1;
}

int
parse_capability(struct parser *x, const char *p, size_t n, uint32_t *caps)
{
	static const struct {
		const char *name;
		uint32_t bit;
	} known[] = {
		{ "MOVE", CAP_MOVE },
		{ "UIDPLUS", CAP_UIDPLUS },
		{ "SASL-IR", CAP_SASL_IR },
		{ "LITERAL+", CAP_LITERALPLUS },
		{ "NAMESPACE", CAP_NAMESPACE },
	};
	const struct mailimap_capability *c;
	clistiter *i;
	size_t k;

	if (parse(x, p, n) == -1)
		return -1;
	if (x->imap->imap_connection_info == NULL || x->imap->imap_connection_info->imap_capability == NULL)
		return 0;
	*caps = 0;
	i = first(x->imap->imap_connection_info->imap_capability->cap_list);
	for (; i != NULL; i = clist_next(i)) {
		c = clist_content(i);
		if (c->cap_type == MAILIMAP_CAPABILITY_AUTH_TYPE) {
			if (strcasecmp(c->cap_data.cap_auth_type, "XOAUTH2") == 0)
				*caps |= CAP_XOAUTH2;
			continue;
		}
		for (k = 0; k < sizeof known / sizeof known[0]; k++)
			if (strcasecmp(c->cap_data.cap_name, known[k].name) == 0)
				*caps |= known[k].bit;
	}
	return 1;
}
