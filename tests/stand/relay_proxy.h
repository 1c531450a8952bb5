/*
 * relay_proxy: the relay's client asks for a way to somewhere, by HTTP CONNECT
 * or SOCKS5.  Part of relay.c, which has note(), goodbye() and the options.
 */
static void
read_exactly(int fd, void *buf, size_t n)
{
	if (recv(fd, buf, n, MSG_WAITALL) != (ssize_t)n)
		goodbye(1);
}

static void
say(int fd, const void *data, size_t n)
{
	if (send(fd, data, n, MSG_NOSIGNAL) != (ssize_t)n)
		goodbye(1);
}

static const char *
base64(const char *text)
{
	static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	static char out[512];
	size_t i, o = 0, len = strlen(text);
	uint32_t v;

	for (i = 0; i < len && o + 5 < sizeof(out); i += 3) {
		v = (uint32_t)(unsigned char)text[i] << 16;
		if (i + 1 < len)
			v |= (uint32_t)(unsigned char)text[i + 1] << 8;
		if (i + 2 < len)
			v |= (unsigned char)text[i + 2];
		out[o++] = digit[v >> 18];
		out[o++] = digit[v >> 12 & 63];
		out[o++] = i + 1 < len ? digit[v >> 6 & 63] : '=';
		out[o++] = i + 2 < len ? digit[v & 63] : '=';
	}
	out[o] = '\0';
	return out;
}

static void
http_answer(int fd, const char *status, bool ok)
{
	char text[256];
	int n = snprintf(text, sizeof(text), "HTTP/1.1 %s\r\n%s\r\n", status,
	    ok ? "" : "Proxy-Authenticate: Basic realm=\"relay\"\r\nContent-Length: 0\r\n");

	say(fd, text, (size_t)n);
	note("proxy %s", status);
	if (!ok)
		goodbye(0);
}

/* A byte at a time, so that nothing of what follows the request is taken. */
static void
http_connect(int fd)
{
	char head[8192], where[256], want[600];
	size_t n = 0;

	do {
		if (n + 1 >= sizeof(head))
			goodbye(1);
		read_exactly(fd, head + n++, 1);
		head[n] = '\0';
	} while (n < 4 || strcmp(head + n - 4, "\r\n\r\n") != 0);
	if (sscanf(head, "CONNECT %255s HTTP/1.", where) != 1)
		http_answer(fd, "400 Bad Request", false);
	note("target %s", where);
	if (refusal != NULL)
		http_answer(fd, refusal, false);
	snprintf(want, sizeof(want), "Proxy-Authorization: Basic %s\r\n",
	    credentials != NULL ? base64(credentials) : "");
	if (credentials != NULL && strcasestr(head, want) == NULL)
		http_answer(fd, "407 Proxy Authentication Required", false);
	http_answer(fd, "200 Connection established", true);
}

/* RFC 1929 */
static void
socks5_password(int fd)
{
	unsigned char len;
	char user[256] = "", password[256] = "", got[600];

	read_exactly(fd, &len, 1);
	read_exactly(fd, &len, 1);
	read_exactly(fd, user, len);
	read_exactly(fd, &len, 1);
	read_exactly(fd, password, len);
	snprintf(got, sizeof(got), "%s:%s", user, password);
	if (strcmp(got, credentials) != 0) {
		note("proxy refused");
		say(fd, "\001\001", 2);
		goodbye(0);
	}
	say(fd, "\001\000", 2);
}

/* RFC 1928, CONNECT only. */
static void
socks5_connect(int fd)
{
	unsigned char b[4], name[256], port[2];
	char where[300];

	read_exactly(fd, b, 2);
	read_exactly(fd, name, b[1]);
	if (memchr(name, credentials != NULL ? 2 : 0, b[1]) == NULL) {
		note("proxy refused");
		say(fd, "\005\377", 2);
		goodbye(0);
	}
	say(fd, credentials != NULL ? "\005\002" : "\005\000", 2);
	if (credentials != NULL)
		socks5_password(fd);
	read_exactly(fd, b, 4);
	if (b[3] == 3) {
		read_exactly(fd, b, 1);
		read_exactly(fd, name, b[0]);
		snprintf(where, sizeof(where), "%.*s", b[0], (char *)name);
	} else {
		read_exactly(fd, name, b[3] == 1 ? 4 : 16);
		inet_ntop(b[3] == 1 ? AF_INET : AF_INET6, name, where, sizeof(where));
	}
	read_exactly(fd, port, 2);
	note("target %s:%d", where, port[0] << 8 | port[1]);
	say(fd, "\005\000\000\001\177\000\000\001\000\000", 10);
}
