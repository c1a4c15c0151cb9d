// SPDX-License-Identifier: Apache-2.0
/* Programs that compute: arithmetic, hashing, division, branches, copies and checksums over the first bytes of a packet. */
#include <linux/bpf.h>
#include "skep_helpers.h"

#define BYTES 64

static __always_inline __u32 *words(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;

	return data + BYTES > end ? 0 : data;
}

/* FNV-1a, 64 bits, byte by byte. */
SEC("xdp") int hash_fnv(struct xdp_md *ctx)
{
	__u8 *bytes = (void *)words(ctx);
	__u64 hash = 0xcbf29ce484222325ull;

	if (!bytes)
		return XDP_ABORTED;
	for (int i = 0; i < BYTES; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3ull;
	return hash & 1 ? XDP_PASS : XDP_DROP;
}

static __always_inline __u64 rotate64(__u64 x, int n)
{
	return x << n | x >> (64 - n);
}

/* The rounds of SipHash-2-4 over eight words. */
SEC("xdp") int hash_sip(struct xdp_md *ctx)
{
	__u64 *data = (void *)words(ctx);
	__u64 a = 0x736f6d6570736575ull, b = 0x646f72616e646f6dull;
	__u64 c = 0x6c7967656e657261ull, d = 0x7465646279746573ull;

	if (!data)
		return XDP_ABORTED;
	for (int i = 0; i < BYTES / 8; i++) {
		d ^= data[i];
		for (int round = 0; round < 2; round++) {
			a += b; b = rotate64(b, 13); b ^= a; a = rotate64(a, 32);
			c += d; d = rotate64(d, 16); d ^= c;
			a += d; d = rotate64(d, 21); d ^= a;
			c += b; b = rotate64(b, 17); b ^= c; c = rotate64(c, 32);
		}
		a ^= data[i];
	}
	return (a ^ b ^ c ^ d) & 1 ? XDP_PASS : XDP_DROP;
}

static __always_inline __u32 rotate32(__u32 x, int n)
{
	return x << n | x >> (32 - n);
}

/* A 32-bit mix in the manner of murmur. */
SEC("xdp") int hash_murmur32(struct xdp_md *ctx)
{
	__u32 *data = words(ctx);
	__u32 hash = 0x9747b28c;

	if (!data)
		return XDP_ABORTED;
	for (int round = 0; round < 4; round++) {
		for (int i = 0; i < BYTES / 4; i++) {
			__u32 k = data[i] * 0xcc9e2d51;

			hash ^= rotate32(k, 15) * 0x1b873593;
			hash = rotate32(hash, 13) * 5 + 0xe6546b64;
		}
	}
	return hash & 1 ? XDP_PASS : XDP_DROP;
}

/* A pseudo-random generator's steps: 64-bit additions, shifts and exclusive ors. */
SEC("xdp") int alu64(struct xdp_md *ctx)
{
	__u64 x = ctx->data_end - ctx->data + 0x9e3779b97f4a7c15ull, sum = 0;

	for (int i = 0; i < 100; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		sum += x;
	}
	return sum & 1 ? XDP_PASS : XDP_DROP;
}

/* Divisions by numbers the compiler does not know. */
SEC("xdp") int division(struct xdp_md *ctx)
{
	__u32 *data = words(ctx);
	__u64 x = 0x123456789abcdefull, sum = 0;

	if (!data)
		return XDP_ABORTED;
	for (int i = 0; i < BYTES / 4; i++) {
		sum += x / (data[i] | 1);
		sum ^= x % ((data[i] >> 16) | 1);
		x += sum;
	}
	return sum & 1 ? XDP_PASS : XDP_DROP;
}

/* A small machine whose steps depend on each byte. */
SEC("xdp") int branches(struct xdp_md *ctx)
{
	__u8 *bytes = (void *)words(ctx);
	/* Numbers the verifier does not know, or it would follow every path. */
	__u32 state = ctx->rx_queue_index, seen = state;

	if (!bytes)
		return XDP_ABORTED;
	for (int i = 0; i < BYTES; i++) {
		__u8 c = bytes[i];

		if (c < 32)
			state = state == 3 ? 0 : state + 1;
		else if (c < 64)
			seen += state > 1 ? c : 1;
		else if (c & 1)
			state ^= 1;
		else if (c > 200)
			seen = seen > 100 ? seen - 100 : 7;
		else
			seen++;
		if (seen > 5000)
			break;
	}
	return (seen + state) & 1 ? XDP_PASS : XDP_DROP;
}

/* The packet to the stack and back, eight bytes at a time, the other way round. */
SEC("xdp") int copy(struct xdp_md *ctx)
{
	__u64 *data = (void *)words(ctx);
	volatile __u64 stack[BYTES / 8];

	if (!data)
		return XDP_ABORTED;
	for (int i = 0; i < BYTES / 8; i++)
		stack[i] = data[i];
	for (int i = 0; i < BYTES / 8; i++)
		data[i] = stack[BYTES / 8 - 1 - i];
	return XDP_PASS;
}

/* The Internet checksum of as much as there is, in a loop with a bound the verifier sees. */
SEC("xdp") int checksum(struct xdp_md *ctx)
{
	__u16 *at = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	__u32 sum = 0;

	for (int i = 0; i < 750; i++) {
		if ((void *)(at + 1) > end)
			break;
		sum += *at++;
	}
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum & 1 ? XDP_PASS : XDP_DROP;
}
