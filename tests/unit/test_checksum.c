/* checksum: XXH3, as other programs compute it: the sums are those of xxhsum -H3. */
#include "checksum.h"
#include "buf.h"
#include "tap.h"

int main(void)
{
	struct buf numbers = {0};

	tap_ok(checksum_bytes("", 0, 0) == UINT64_C(0x2d06800538d394c2), "nothing");
	tap_ok(checksum_bytes("", 0, UINT64_C(0x9e3779b185ebca8d)) == UINT64_C(0xa8a6b918b2f0364a),
	       "nothing, with the seed that xxhash's own tests use");
	for (int i = 1; i <= 1000; i++) {
		buf_addf(&numbers, "%d\n", i);
		if (i == 100)
			tap_ok(checksum_bytes(numbers.data, numbers.length, 0) ==
				   UINT64_C(0xd5c42bf306d3ff33),
			       "the numbers to 100, each on a line");
	}
	tap_ok(checksum_bytes(numbers.data, numbers.length, 0) == UINT64_C(0x764aaaecde28829e),
	       "...and to 1000");
	buf_free(&numbers);
	return tap_done();
}
