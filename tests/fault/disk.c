/*
 * disk: disks whose power can fail, and that can fail themselves (FUSE).
 *
 *	disk DIRECTORY NAME=IMAGE...
 *
 * Serves DIRECTORY/NAME.G for each NAME: a file for a loop device to stand on,
 * that behaves as a disk with a volatile cache.  What is written can be read at
 * once, but is on the medium only after the next flush, which the kernel sends
 * where a file system asks for it; a loop device passes it on as fsync.  Ends
 * when DIRECTORY is unmounted.
 *
 * - A power cut keeps what was flushed.  Of what was written since, each piece
 *   (at most 4 KiB, aligned) reaches the medium or does not, by chance: so
 *   writes are reordered and torn as real disks do it.  What the kernel has not
 *   yet written, its page cache, is lost by the nature of the thing: it never
 *   came here.  All disks lose power at the same instant, before one operation.
 * - G is a generation: a cut or "new" begins the next.  Files of the old one
 *   give EIO from then on, so what was mounted cannot spoil the new, and no page
 *   of theirs is in any cache.
 *
 * DIRECTORY/ctl takes lines and answers a read with "G OPERATIONS CUTS":
 *
 *	new			each disk holds its image again; counts from 0
 *	cut SEED KEEP		power fails now; KEEP: percent of pieces that survive
 *	arm N SEED KEEP GROUP	the same before the Nth write or flush from now,
 *				and the process group gets SIGKILL with it
 *	fail N			from the Nth write or flush from now until "cut" or "new" each
 *				of them gives EIO, on all disks; reads go on
 *
 * The images are mapped privately and not changed: two views of each, the medium
 * and what the kernel sees, and a log of the writes between them.
 */
#define FUSE_USE_VERSION 31
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DISKS 4
#define PIECE 4096
#ifndef PR_SET_IO_FLUSHER
#define PR_SET_IO_FLUSHER 57
#endif

struct change {
	size_t off, len;
	unsigned char *data;
};

struct disk {
	const char *name;
	size_t size;
	unsigned char *medium, *now;
	struct change *log;
	size_t n, cap;
};

static struct disk disks[DISKS];
static unsigned ndisks;
static uint64_t generation = 1, operations, cuts;
static uint64_t armed;	 /* the operation before which power fails; 0: none */
static uint64_t failing; /* the first operation that fails; 0: none */
static unsigned keep;
static pid_t group;

static void
open_disk(struct disk *d, char *arg)
{
	char *image = strchr(arg, '=');
	struct stat st;
	int fd;

	if (image == NULL)
		errx(64, "%s: not NAME=IMAGE", arg);
	*image++ = '\0';
	d->name = arg;
	if ((fd = open(image, O_RDONLY | O_CLOEXEC)) == -1 || fstat(fd, &st) == -1)
		err(1, "%s", image);
	d->size = (size_t)st.st_size;
	d->medium = mmap(NULL, d->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, fd, 0);
	d->now = mmap(NULL, d->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, fd, 0);
	if (d->medium == MAP_FAILED || d->now == MAP_FAILED)
		err(1, "%s", image);
	close(fd);
}

static void
forget(struct disk *d)
{
	while (d->n > 0)
		free(d->log[--d->n].data);
}

static void
flush(struct disk *d)
{
	struct change *c;

	for (c = d->log; c < d->log + d->n; c++)
		memcpy(d->medium + c->off, c->data, c->len);
	forget(d);
}

/* Some pieces reach the medium, in the order in which they came; then that is what there is. */
static void
lose(struct disk *d)
{
	struct change *c;
	size_t at, len;

	for (c = d->log; c < d->log + d->n; c++)
		for (at = 0; at < c->len; at += len) {
			len = PIECE - (c->off + at) % PIECE;
			if (len > c->len - at)
				len = c->len - at;
			if ((unsigned)(random() % 100) < keep)
				memcpy(d->medium + c->off + at, c->data + at, len);
		}
	for (c = d->log; c < d->log + d->n; c++)
		memcpy(d->now + c->off, d->medium + c->off, c->len);
	forget(d);
}

static void
cut(void)
{
	unsigned i;

	if (group > 1)
		(void)kill(-group, SIGKILL);
	for (i = 0; i < ndisks; i++)
		lose(&disks[i]);
	armed = failing = 0;
	group = 0;
	generation++;
	cuts++;
}

static void
begin_anew(void)
{
	struct disk *d;

	for (d = disks; d < disks + ndisks; d++) {
		forget(d);
		if (madvise(d->medium, d->size, MADV_DONTNEED) == -1 ||
		    madvise(d->now, d->size, MADV_DONTNEED) == -1)
			err(1, "madvise");
	}
	armed = failing = operations = cuts = 0;
	generation++;
}

static int
command(const char *line)
{
	unsigned long after;
	unsigned seed;
	int pid;

	if (strcmp(line, "new\n") == 0) {
		begin_anew();
	} else if (sscanf(line, "cut %u %u", &seed, &keep) == 2) {
		srandom(seed);
		cut();
	} else if (sscanf(line, "arm %lu %u %u %d", &after, &seed, &keep, &pid) == 4) {
		srandom(seed);
		armed = operations + after;
		group = pid;
	} else if (sscanf(line, "fail %lu", &after) == 1) {
		failing = operations + after;
	} else {
		return -EINVAL;
	}
	return 0;
}

/* Before a write or a flush: 0, or -1: there is no power any more, or the disk fails. */
static int
operation(const struct fuse_file_info *fi)
{
	if (fi->fh >> 8 != generation)
		return -1;
	operations++;
	if (failing != 0 && operations >= failing)
		return -1;
	if (armed == 0 || operations < armed)
		return 0;
	cut();
	return -1;
}

/* The disk that path names in this generation, 1 for ctl, 0 for nothing. */
static int
find(const char *path, struct disk **d)
{
	unsigned long long g;
	char name[32];

	if (strcmp(path, "/ctl") == 0)
		return 1;
	if (sscanf(path, "/%31[a-z].%llu", name, &g) != 2 || g != generation)
		return 0;
	for (*d = disks; *d < disks + ndisks; (*d)++)
		if (strcmp((*d)->name, name) == 0)
			return 2;
	return 0;
}

static int
on_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
	struct disk *d;

	(void)fi;
	memset(st, 0, sizeof *st);
	st->st_nlink = 1;
	st->st_mode = S_IFREG | 0600;
	if (strcmp(path, "/") == 0) {
		st->st_mode = S_IFDIR | 0700;
		return 0;
	}
	switch (find(path, &d)) {
	case 0:
		return -ENOENT;
	case 2:
		st->st_size = (off_t)d->size;
	}
	return 0;
}

static int
on_open(const char *path, struct fuse_file_info *fi)
{
	struct disk *d;

	switch (find(path, &d)) {
	case 0:
		return -ENOENT;
	case 1:
		fi->direct_io = 1;
		fi->fh = 0;
		return 0;
	}
	fi->fh = generation << 8 | (uint64_t)(d - disks);
	return 0;
}

static int
on_truncate(const char *path, off_t size, struct fuse_file_info *fi)
{
	(void)size;
	(void)fi;
	return strcmp(path, "/ctl") == 0 ? 0 : -EPERM;
}

static int
on_read(const char *path, char *buf, size_t n, off_t off, struct fuse_file_info *fi)
{
	const struct disk *d = &disks[fi->fh & 0xff];
	char line[80];
	int len;

	(void)path;
	if (fi->fh == 0) {
		len = snprintf(line, sizeof line, "%llu %llu %llu\n", (unsigned long long)generation,
		    (unsigned long long)operations, (unsigned long long)cuts);
		if (off >= len)
			return 0;
		len -= (int)off;
		memcpy(buf, line + off, (size_t)len < n ? (size_t)len : n);
		return (size_t)len < n ? len : (int)n;
	}
	if (fi->fh >> 8 != generation)
		return -EIO;
	if ((size_t)off >= d->size)
		return 0;
	if (n > d->size - (size_t)off)
		n = d->size - (size_t)off;
	memcpy(buf, d->now + off, n);
	return (int)n;
}

static int
on_write(const char *path, const char *buf, size_t n, off_t off, struct fuse_file_info *fi)
{
	struct disk *d = &disks[fi->fh & 0xff];
	char line[80];
	struct change *c;
	int rc;

	(void)path;
	if (fi->fh == 0) {
		(void)snprintf(line, sizeof line, "%.*s", (int)n, buf);
		return (rc = command(line)) < 0 ? rc : (int)n;
	}
	if (operation(fi) == -1)
		return -EIO;
	if ((size_t)off > d->size || n > d->size - (size_t)off)
		return -ENOSPC;
	if (d->n == d->cap) {
		d->cap = d->cap > 0 ? 2 * d->cap : 256;
		if ((d->log = realloc(d->log, d->cap * sizeof *d->log)) == NULL)
			err(1, NULL);
	}
	c = &d->log[d->n++];
	if ((c->data = malloc(n)) == NULL)
		err(1, NULL);
	c->off = (size_t)off;
	c->len = n;
	memcpy(c->data, buf, n);
	memcpy(d->now + off, buf, n);
	return (int)n;
}

static int
on_fsync(const char *path, int data, struct fuse_file_info *fi)
{
	(void)path;
	(void)data;
	if (fi->fh == 0)
		return 0;
	if (operation(fi) == -1)
		return -EIO;
	flush(&disks[fi->fh & 0xff]);
	return 0;
}

static void *
on_init(struct fuse_conn_info *conn, struct fuse_config *cfg)
{
	(void)conn;
	cfg->entry_timeout = cfg->attr_timeout = 0;
	cfg->negative_timeout = 0;
	/* Memory wanted here must not wait for a file system that waits for us. */
	(void)prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0);
	return NULL;
}

int
main(int argc, char **argv)
{
	static const struct fuse_operations ops = { .init = on_init,
		.getattr = on_getattr,
		.open = on_open,
		.truncate = on_truncate,
		.read = on_read,
		.write = on_write,
		.fsync = on_fsync };
	char *args[] = { argv[0], "-f", "-s", NULL, NULL };
	int i;

	if (argc < 3 || argc - 2 > DISKS)
		errx(64, "usage: disk DIRECTORY NAME=IMAGE...");
	for (i = 2; i < argc; i++)
		open_disk(&disks[ndisks++], argv[i]);
	args[3] = argv[1];
	return fuse_main(4, args, &ops, NULL);
}
