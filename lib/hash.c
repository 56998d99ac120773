#include "hash.h"
#include "msg.h"

#include <openssl/evp.h>

/* Looking the digest up costs more than hashing a short text, so it is done once. */
static EVP_MD_CTX *prepare(void)
{
	static EVP_MD_CTX *context;

	if (context == NULL) {
		context = EVP_MD_CTX_new();
		if (context == NULL || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1)
			msg_die(STATUS_SYSTEM, "libcrypto has no SHA-256");
	}
	return context;
}

void hash_bytes(const void *data, size_t n, unsigned char digest[HASH_SIZE])
{
	EVP_MD_CTX *context = prepare();

	if (EVP_DigestInit_ex(context, NULL, NULL) != 1 ||
	    EVP_DigestUpdate(context, data, n) != 1 ||
	    EVP_DigestFinal_ex(context, digest, NULL) != 1)
		msg_die(STATUS_SYSTEM, "SHA-256 failed in libcrypto");
}

uint64_t hash_number(const unsigned char digest[HASH_SIZE])
{
	uint64_t n = 0;
	for (int i = 0; i < 8; i++)
		n = n << 8 | digest[i];
	return n;
}

void hash_text(const unsigned char digest[HASH_SIZE], size_t bytes, char *text)
{
	static const char hex[] = "0123456789abcdef";
	for (size_t i = 0; i < bytes; i++) {
		*text++ = hex[digest[i] >> 4];
		*text++ = hex[digest[i] & 15];
	}
	*text = '\0';
}
