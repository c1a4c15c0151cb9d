// SPDX-License-Identifier: Apache-2.0
/* Drops UDP to one port and counts what passes and what does not. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* Set before loading: the port whose packets are dropped. */
const volatile __u16 blocked_port = 9;

struct counter {
	__u64 packets;
	__u64 bytes;
};

/* By verdict: XDP_DROP is 1, XDP_PASS is 2. Each CPU counts for itself. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 3);
	__type(key, __u32);
	__type(value, struct counter);
} verdicts SEC(".maps");

static __always_inline int verdict_of(void *data, void *end)
{
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct udphdr *udp = (void *)(ip + 1);

	if ((void *)(udp + 1) > end)
		return XDP_PASS;
	if (eth->h_proto != bpf_htons(ETH_P_IP) || ip->ihl != 5 || ip->protocol != IPPROTO_UDP)
		return XDP_PASS;
	return udp->dest == bpf_htons(blocked_port) ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int count(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	__u32 verdict = verdict_of(data, end);
	struct counter *counter = bpf_map_lookup_elem(&verdicts, &verdict);

	if (counter) {
		counter->packets++;
		counter->bytes += end - data;
	}
	return verdict;
}

char _license[] SEC("license") = "Apache-2.0";
