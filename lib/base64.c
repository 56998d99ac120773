#include "base64.h"
#include "buf.h"

void base64_encode(struct buf *out, const void *data, size_t n)
{
	static const char alphabet[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *p = data;

	for (size_t i = 0; i < n; i += 3) {
		size_t have = n - i < 3 ? n - i : 3;
		unsigned group = (unsigned)p[i] << 16;
		if (have > 1)
			group |= (unsigned)p[i + 1] << 8;
		if (have > 2)
			group |= p[i + 2];
		buf_addc(out, alphabet[group >> 18]);
		buf_addc(out, alphabet[group >> 12 & 63]);
		buf_addc(out, have > 1 ? alphabet[group >> 6 & 63] : '=');
		buf_addc(out, have > 2 ? alphabet[group & 63] : '=');
	}
}
