// SPDX-License-Identifier: Apache-2.0
/*
 * A bandwidth monitor on a socket. What counts as bandwidth is a program of its own, reached by a tail call: it is replaced while
 * the monitor runs.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} meter SEC(".maps");

struct usage {
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct usage);
} usage SEC(".maps");

static __always_inline int add(__u64 bytes)
{
	__u32 zero = 0;
	struct usage *now = bpf_map_lookup_elem(&usage, &zero);

	if (now) {
		__sync_fetch_and_add(&now->packets, 1);
		__sync_fetch_and_add(&now->bytes, bytes);
	}
	/* The socket wants no data: it only counts. */
	return 0;
}

SEC("socket")
int monitor(struct __sk_buff *skb)
{
	bpf_tail_call(skb, &meter, 0);
	/* No meter is set: nothing is counted. */
	return 0;
}

/* What the wire carries: every frame with its preamble, checksum and gap. */
SEC("socket")
int meter_wire(struct __sk_buff *skb)
{
	return add(skb->len + 24);
}

/* What lies above Ethernet. */
SEC("socket")
int meter_network(struct __sk_buff *skb)
{
	return add(skb->len > ETH_HLEN ? skb->len - ETH_HLEN : 0);
}

char _license[] SEC("license") = "Apache-2.0";
