/* encode: hex, base64 (RFC 4648 §4) and base64url (§5) of util.h. */
#include <stdlib.h>
#include <string.h>

#include "util.h"

static const char b64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char b64u[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void
hex(char *dst, const unsigned char *src, size_t n)
{
	static const char digit[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		*dst++ = digit[src[i] >> 4];
		*dst++ = digit[src[i] & 15];
	}
	*dst = '\0';
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int
unhex(unsigned char *dst, const char *src, size_t n)
{
	int hi, lo;

	for (size_t i = 0; i < n; i++) {
		hi = hex_value(src[2 * i]);
		if (hi == -1) /* the NUL too: nothing behind it is read */
			return -1;
		lo = hex_value(src[2 * i + 1]);
		if (lo == -1)
			return -1;
		dst[i] = (unsigned char)(hi << 4 | lo);
	}
	return 0;
}

static char *
encode(const void *data, size_t n, const char *alphabet, bool pad, size_t *outlen)
{
	const unsigned char *p = data;
	char *out, *o;
	size_t k;
	unsigned v;

	if (n > SIZE_MAX / 2)
		util_no_memory();
	o = out = xmalloc((n + 2) / 3 * 4 + 1);
	for (; n > 0; n -= k, p += k) {
		k = n < 3 ? n : 3;
		v = (unsigned)p[0] << 16;
		if (n > 1)
			v |= (unsigned)p[1] << 8;
		if (n > 2)
			v |= p[2];
		*o++ = alphabet[v >> 18];
		*o++ = alphabet[v >> 12 & 63];
		if (n > 1)
			*o++ = alphabet[v >> 6 & 63];
		else if (pad)
			*o++ = '=';
		if (n > 2)
			*o++ = alphabet[v & 63];
		else if (pad)
			*o++ = '=';
	}
	*o = '\0';
	if (outlen != NULL)
		*outlen = (size_t)(o - out);
	return out;
}

char *
base64(const void *data, size_t n, size_t *outlen)
{
	return encode(data, n, b64, true, outlen);
}

char *
base64url(const void *data, size_t n)
{
	return encode(data, n, b64u, false, NULL);
}

static int
b64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	if (c == '/' || c == '_')
		return 63;
	return -1;
}

unsigned char *
unbase64(const char *s, size_t n, size_t *outlen)
{
	unsigned char *out, *o;
	unsigned v = 0;
	size_t i;
	int d;

	if (n % 4 == 0 && n > 0 && s[n - 1] == '=')
		n -= s[n - 2] == '=' ? 2 : 1;
	if (n % 4 == 1)
		return NULL;
	o = out = xmalloc(n / 4 * 3 + 3);
	for (i = 0; i < n; i++) {
		d = b64_value(s[i]);
		if (d == -1) {
			free(out);
			return NULL;
		}
		v = v << 6 | (unsigned)d;
		/* After each of the 2nd, 3rd and 4th digits of a group one more byte is complete. */
		switch (i % 4) {
		case 1:
			*o++ = (unsigned char)(v >> 4);
			break;
		case 2:
			*o++ = (unsigned char)(v >> 2);
			break;
		case 3:
			*o++ = (unsigned char)v;
			break;
		}
	}
	*o = '\0';
	*outlen = (size_t)(o - out);
	return out;
}
