/*
 * limit: what the machine allows: the same bytes over one bare TLS connection,
 * and the same files written with and without durability.
 *
 *   limit tls PORT USER PASSWORD CA_FILE        UID FETCH 1:* (… BODY.PEEK[]) to nowhere
 *   limit write DIR SIZES none|each|group       SIZES: a file with one size a line
 *
 * each: fsync per file, then rename.  group: 256 files, one syncfs, renames,
 * one fsync of the directory.  none: write and rename.
 */
#include <sys/socket.h>
#include <sys/stat.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
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

/* Reads until tag stands in the last bytes of what came. */
static void
read_until(SSL *ssl, const char *tag)
{
	static char buf[256 * 1024 + 512];
	size_t have = 0, len = strlen(tag), tail;

	for (;;) {
		int n = SSL_read(ssl, buf + have, 256 * 1024);

		if (n <= 0)
			die("read");
		have += (size_t)n;
		tail = have < 400 ? have : 400; /* the tagged line is short and the last */
		if (memmem(buf + have - tail, tail, tag, len) != NULL)
			return;
		memmove(buf, buf + have - (have < len ? have : len), have < len ? have : len);
		have = have < len ? have : len;
	}
}

static int
tls(char **v)
{
	SSL *ssl = dial(atoi(v[0]), v[3]);
	char cmd[512];

	read_until(ssl, "* OK");
	snprintf(cmd, sizeof(cmd), "a LOGIN %s %s\r\nb EXAMINE INBOX\r\n", v[1], v[2]);
	SSL_write(ssl, cmd, (int)strlen(cmd));
	read_until(ssl, "\nb OK");
	snprintf(cmd, sizeof(cmd), "c UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])\r\n");
	SSL_write(ssl, cmd, (int)strlen(cmd));
	read_until(ssl, "\nc OK");
	return 0;
}

static void
place(int tmp, int new, long from, long to)
{
	char name[32];

	for (long i = from; i < to; i++) {
		snprintf(name, sizeof(name), "%ld", i);
		if (renameat(tmp, name, new, name) == -1)
			die("rename");
	}
	if (fsync(new) == -1)
		die("fsync");
}

static int
write_files(char **v)
{
	static char block[1 << 20];
	char path[4096], line[64];
	FILE *sizes = fopen(v[1], "r");
	long n = 0, placed = 0;
	int tmp, new, each = strcmp(v[2], "each") == 0, group = strcmp(v[2], "group") == 0;

	if (sizes == NULL)
		die(v[1]);
	memset(block, 'x', sizeof(block));
	mkdir(v[0], 0700);
	snprintf(path, sizeof(path), "%s/tmp", v[0]);
	mkdir(path, 0700);
	tmp = open(path, O_RDONLY | O_DIRECTORY);
	snprintf(path, sizeof(path), "%s/new", v[0]);
	mkdir(path, 0700);
	new = open(path, O_RDONLY | O_DIRECTORY);
	for (; fgets(line, sizeof(line), sizes) != NULL; n++) {
		size_t left = strtoul(line, NULL, 10);
		char name[32];
		int fd;

		snprintf(name, sizeof(name), "%ld", n);
		if ((fd = openat(tmp, name, O_WRONLY | O_CREAT | O_EXCL, 0600)) == -1)
			die(name);
		for (size_t k; left > 0; left -= k) {
			k = left < sizeof(block) ? left : sizeof(block);
			if (write(fd, block, k) != (ssize_t)k)
				die("write");
		}
		if (each && fsync(fd) == -1)
			die("fsync");
		close(fd);
		if (!group && renameat(tmp, name, new, name) == -1)
			die("rename");
		if (group && n + 1 - placed == 256) {
			if (syncfs(new) == -1)
				die("syncfs");
			place(tmp, new, placed, n + 1);
			placed = n + 1;
		}
	}
	if (group) {
		syncfs(new);
		place(tmp, new, placed, n);
	}
	fclose(sizes);
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc == 6 && strcmp(argv[1], "tls") == 0)
		return tls(argv + 2);
	if (argc == 5 && strcmp(argv[1], "write") == 0)
		return write_files(argv + 2);
	fprintf(stderr,
	    "usage: limit tls PORT USER PASSWORD CA_FILE | limit write DIR SIZES none|each|group\n");
	return 64;
}
