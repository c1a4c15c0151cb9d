// Filters a flood at the first device of a network: prefixes that are blocked, and sources that send too much.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include "skep_helpers.h"

/* Packets that one source may send in a second. */
const volatile __u32 packets_per_second = 100;

enum verdict { PASSED, BLOCKED, TOO_MANY, FRAGMENT, OTHER, VERDICTS };

struct prefix {
	__u32 length;
	__u32 address;
};

struct window {
	__u64 start;
	__u32 packets;
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix);
	__type(value, __u64);
} blocked SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct window);
} sources SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, VERDICTS);
	__type(key, __u32);
	__type(value, __u64);
} verdicts SEC(".maps");

static __always_inline int decide(__u32 verdict)
{
	__u64 *count = bpf_map_lookup_elem(&verdicts, &verdict);

	if (count)
		(*count)++;
	return verdict == PASSED || verdict == OTHER ? XDP_PASS : XDP_DROP;
}

static __always_inline int too_many(__u32 source)
{
	struct window fresh = {.start = bpf_ktime_get_ns(), .packets = 1};
	struct window *window = bpf_map_lookup_elem(&sources, &source);

	if (!window || fresh.start - window->start >= 1000000000) {
		bpf_map_update_elem(&sources, &source, &fresh, BPF_ANY);
		return 0;
	}
	return __sync_fetch_and_add(&window->packets, 1) >= packets_per_second;
}

SEC("xdp") int firewall(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	struct prefix key = {.length = 32};
	__u64 *hits;

	if ((void *)(ip + 1) > end || eth->h_proto != __builtin_bswap16(ETH_P_IP))
		return decide(OTHER);
	if (ip->frag_off & __builtin_bswap16(0x3fff))
		return decide(FRAGMENT);
	key.address = ip->saddr;
	hits = bpf_map_lookup_elem(&blocked, &key);
	if (hits) {
		__sync_fetch_and_add(hits, 1);
		return decide(BLOCKED);
	}
	return decide(too_many(ip->saddr) ? TOO_MANY : PASSED);
}

char _license[] SEC("license") = "GPL";
