/*
 * limit: what the machine allows: the same bytes over one bare TLS connection,
 * and the same files written with and without durability.
 *
 *   limit tls PORT USER PASSWORD CA_FILE        UID FETCH 1:* (… BODY.PEEK[]) to nowhere
 *   limit write DIR SIZES none|each|group       SIZES: a file with one size a line
 *   limit both PORT USER PASSWORD CA_FILE DIR SIZES    both at once, group: what came, in files of these sizes
 *
 * each: fsync per file, then rename.  group: 256 files, one syncfs, renames,
 * one fsync of the directory.  none: write and rename.  "both" syncs and renames
 * in a thread while more comes: a fetcher that understands nothing, notes nothing
 * and checks nothing, but does what none can do without.
 */
#include <sys/socket.h>
#include <sys/stat.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/ssl.h>

static void
die(const char *what)
{
	perror(what);
	exit(71);
}

static SSL *
dial(int port, const char *ca)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	SSL *ssl;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == -1)
		die("connect");
	SSL_CTX_load_verify_locations(ctx, ca, NULL);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_default_read_buffer_len(ctx, 128 * 1024);
	ssl = SSL_new(ctx);
	SSL_set_fd(ssl, fd);
	SSL_set1_host(ssl, "localhost");
	SSL_set_tlsext_host_name(ssl, "localhost");
	if (SSL_connect(ssl) != 1)
		die("TLS");
	return ssl;
}

/* --- files --- */

#define GROUP 256

static struct files {
	FILE *sizes;
	int tmp, new, fd; /* fd: the file being written; -1 none */
	size_t left;
	long n, placed;
	int each, group, thread;
	pthread_mutex_t lock;
	pthread_cond_t more;
	int over;
} files = { .fd = -1, .lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER };

static void
files_open(struct files *f, const char *dir, const char *sizes)
{
	char path[4096];

	if ((f->sizes = fopen(sizes, "r")) == NULL)
		die(sizes);
	mkdir(dir, 0700);
	snprintf(path, sizeof(path), "%s/tmp", dir);
	mkdir(path, 0700);
	f->tmp = open(path, O_RDONLY | O_DIRECTORY);
	snprintf(path, sizeof(path), "%s/new", dir);
	mkdir(path, 0700);
	f->new = open(path, O_RDONLY | O_DIRECTORY);
}

/* Makes files up to the n-th durable. */
static void
place(struct files *f, long n)
{
	char name[32];

	if (n == f->placed)
		return;
	if (syncfs(f->new) == -1)
		die("syncfs");
	for (; f->placed < n; f->placed++) {
		snprintf(name, sizeof(name), "%ld", f->placed);
		if (renameat(f->tmp, name, f->new, name) == -1)
			die("rename");
	}
	if (fsync(f->new) == -1)
		die("fsync");
}

static void *
placer(void *arg)
{
	struct files *f = arg;
	long n;

	pthread_mutex_lock(&f->lock);
	for (;;) {
		while (!f->over && f->n - f->placed < GROUP)
			pthread_cond_wait(&f->more, &f->lock);
		if (f->n == f->placed)
			break;
		n = f->n;
		pthread_mutex_unlock(&f->lock);
		place(f, n);
		pthread_mutex_lock(&f->lock);
	}
	pthread_mutex_unlock(&f->lock);
	return NULL;
}

static void
file_end(struct files *f)
{
	char name[32];

	if (f->each && fsync(f->fd) == -1)
		die("fsync");
	close(f->fd);
	f->fd = -1;
	if (!f->group) {
		snprintf(name, sizeof(name), "%ld", f->n);
		if (renameat(f->tmp, name, f->new, name) == -1)
			die("rename");
	}
	pthread_mutex_lock(&f->lock);
	f->n++;
	pthread_cond_signal(&f->more);
	pthread_mutex_unlock(&f->lock);
	if (f->group && !f->thread && f->n - f->placed == GROUP)
		place(f, f->n);
}

/* The next file; 0 when there is none. */
static int
file_begin(struct files *f)
{
	char line[64], name[32];

	if (fgets(line, sizeof(line), f->sizes) == NULL)
		return 0;
	f->left = strtoul(line, NULL, 10);
	snprintf(name, sizeof(name), "%ld", f->n);
	if ((f->fd = openat(f->tmp, name, O_WRONLY | O_CREAT | O_EXCL, 0600)) == -1)
		die(name);
	return 1;
}

/* 0 when no file wants more. */
static int
files_put(struct files *f, const char *p, size_t n)
{
	size_t k;

	while (n > 0) {
		if (f->fd == -1 && !file_begin(f))
			return 0;
		k = f->left < n ? f->left : n;
		if (write(f->fd, p, k) != (ssize_t)k)
			die("write");
		p += k;
		n -= k;
		f->left -= k;
		if (f->left == 0)
			file_end(f);
	}
	return 1;
}

static int
write_files(char **v)
{
	static char block[1 << 20];

	files.each = strcmp(v[2], "each") == 0;
	files.group = strcmp(v[2], "group") == 0;
	files_open(&files, v[0], v[1]);
	memset(block, 'x', sizeof(block));
	while (files.fd != -1 || file_begin(&files))
		files_put(&files, block, files.left < sizeof(block) ? files.left : sizeof(block));
	if (files.group)
		place(&files, files.n);
	return 0;
}

/* --- TLS --- */

/* Reads until tag stands in the last bytes of what came; into files, if there are some. */
static void
read_until(SSL *ssl, const char *tag, struct files *f)
{
	static char buf[256 * 1024 + 512];
	size_t have = 0, len = strlen(tag), tail;

	for (;;) {
		int n = SSL_read(ssl, buf + have, 256 * 1024);

		if (n <= 0)
			die("read");
		if (f != NULL)
			files_put(f, buf + have, (size_t)n);
		have += (size_t)n;
		tail = have < 400 ? have : 400; /* the tagged line is short and the last */
		if (memmem(buf + have - tail, tail, tag, len) != NULL)
			return;
		memmove(buf, buf + have - (have < len ? have : len), have < len ? have : len);
		have = have < len ? have : len;
	}
}

static int
tls(char **v, struct files *f)
{
	SSL *ssl = dial(atoi(v[0]), v[3]);
	char cmd[512];

	read_until(ssl, "* OK", NULL);
	snprintf(cmd, sizeof(cmd), "a LOGIN %s %s\r\nb EXAMINE INBOX\r\n", v[1], v[2]);
	SSL_write(ssl, cmd, (int)strlen(cmd));
	read_until(ssl, "\nb OK", NULL);
	snprintf(cmd, sizeof(cmd), "c UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])\r\n");
	SSL_write(ssl, cmd, (int)strlen(cmd));
	read_until(ssl, "\nc OK", f);
	return 0;
}

static int
both(char **v)
{
	pthread_t t;

	files.group = files.thread = 1;
	files_open(&files, v[4], v[5]);
	if (pthread_create(&t, NULL, placer, &files) != 0)
		die("thread");
	tls(v, &files);
	pthread_mutex_lock(&files.lock);
	files.over = 1;
	pthread_cond_signal(&files.more);
	pthread_mutex_unlock(&files.lock);
	pthread_join(t, NULL);
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc == 6 && strcmp(argv[1], "tls") == 0)
		return tls(argv + 2, NULL);
	if (argc == 5 && strcmp(argv[1], "write") == 0)
		return write_files(argv + 2);
	if (argc == 8 && strcmp(argv[1], "both") == 0)
		return both(argv + 2);
	fprintf(stderr,
	    "usage: limit tls PORT USER PASSWORD CA_FILE | limit write DIR SIZES none|each|group | "
	    "limit both PORT USER PASSWORD CA_FILE DIR SIZES\n");
	return 64;
}
