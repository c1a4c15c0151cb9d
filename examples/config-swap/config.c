// SPDX-License-Identifier: Apache-2.0
/* A filter whose whole configuration is one map, reached through another: a single write swaps all of it at once. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* A configuration: a verdict for each UDP port that has one. */
struct config {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u16);
	__type(value, __u32);
};

struct config blue SEC(".maps");
struct config green SEC(".maps");

/* Element 0 is the configuration in force. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct config);
} active SEC(".maps") = {
	.values = { &blue },
};

/* Packets dropped, by port. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u16);
	__type(value, __u64);
} dropped SEC(".maps");

static __always_inline void count_drop(__u16 port)
{
	__u64 one = 1, *count = bpf_map_lookup_elem(&dropped, &port);

	if (count)
		__sync_fetch_and_add(count, 1);
	else
		bpf_map_update_elem(&dropped, &port, &one, BPF_ANY);
}

SEC("xdp")
int filter(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct udphdr *udp = (void *)(ip + 1);
	__u32 zero = 0, *verdict;
	void *config;
	__u16 port;

	if ((void *)(udp + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	if (ip->ihl != 5 || ip->protocol != IPPROTO_UDP)
		return XDP_PASS;
	config = bpf_map_lookup_elem(&active, &zero);
	if (!config)
		return XDP_ABORTED;
	port = bpf_ntohs(udp->dest);
	verdict = bpf_map_lookup_elem(config, &port);
	if (!verdict)
		return XDP_PASS;
	if (*verdict == XDP_DROP)
		count_drop(port);
	return *verdict;
}

char _license[] SEC("license") = "Apache-2.0";
