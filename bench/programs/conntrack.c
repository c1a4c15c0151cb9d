// SPDX-License-Identifier: Apache-2.0
/*
 * A stateful firewall: prefixes in an LPM trie, services in a hash map, connections with TCP's states in an LRU map keyed
 * alike in both directions, counters by verdict.
 */
#include "../../test/fixtures/net/net.h"

enum state { NEW = 1, SYN_SENT, SYN_ACKED, ESTABLISHED, CLOSING, CLOSED };
enum reason { PASS_OTHER, PASS_NEW, PASS_KNOWN, PASS_REPLY, DROP_MALFORMED, DROP_PREFIX, DROP_SERVICE, DROP_STATE, REASONS };

struct prefix {
	__u32 length;
	__be32 address;
};

struct tuple {
	__be32 addresses[2];
	__be16 ports[2];
	__u8 protocol;
	__u8 pad[3];
};

struct connection {
	__u32 state;
	__u32 packets[2];
	__u32 pad;
	__u64 bytes[2];
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 4096);
	__uint(map_flags, 1);
	__type(key, struct prefix);
	__type(value, __u32);
} blocked SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u32);
} allowed SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct tuple);
	__type(value, struct connection);
} table SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, REASONS);
	__type(key, __u32);
	__type(value, __u64);
} verdicts SEC(".maps");

static __always_inline int verdict(__u32 reason)
{
	__u64 *count = bpf_map_lookup_elem(&verdicts, &reason);

	if (count)
		*count += 1;
	return reason >= DROP_MALFORMED ? XDP_DROP : XDP_PASS;
}

static __always_inline __u32 next_state(__u32 state, struct tcphdr *tcp, int reply)
{
	if (tcp->rst)
		return CLOSED;
	if (tcp->fin)
		return state == CLOSING && reply ? CLOSED : CLOSING;
	switch (state) {
	case SYN_SENT:
		return tcp->syn && tcp->ack && reply ? SYN_ACKED : SYN_SENT;
	case SYN_ACKED:
		return tcp->ack && !reply ? ESTABLISHED : SYN_ACKED;
	default:
		return state;
	}
}

SEC("xdp") int conntrack(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = data + sizeof(*eth);
	struct prefix prefix = { 32 };
	struct connection *connection;
	struct tcphdr *tcp;
	struct tuple tuple = {};
	__u32 length, service;
	int reply;

	if ((void *)(eth + 1) > end)
		return verdict(DROP_MALFORMED);
	if (eth->h_proto != bpf_htons(ETH_P_IP))
		return verdict(PASS_OTHER);
	if ((void *)(ip + 1) > end || ip->ihl != 5 || ip->version != 4)
		return verdict(DROP_MALFORMED);
	if (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_UDP)
		return verdict(PASS_OTHER);
	prefix.address = ip->saddr;
	if (bpf_map_lookup_elem(&blocked, &prefix))
		return verdict(DROP_PREFIX);
	tcp = (void *)(ip + 1);
	if ((void *)(tcp + 1) > end)
		return verdict(DROP_MALFORMED);
	length = bpf_ntohs(ip->tot_len);
	reply = ip->saddr > ip->daddr || (ip->saddr == ip->daddr && tcp->source > tcp->dest);
	/* A variable index into the stack would be more than the verifier follows. */
	tuple.addresses[0] = reply ? ip->daddr : ip->saddr;
	tuple.addresses[1] = reply ? ip->saddr : ip->daddr;
	tuple.ports[0] = reply ? tcp->dest : tcp->source;
	tuple.ports[1] = reply ? tcp->source : tcp->dest;
	tuple.protocol = ip->protocol;
	connection = bpf_map_lookup_elem(&table, &tuple);
	if (connection) {
		__u32 state = connection->state;

		if (state == CLOSED && !(ip->protocol == IPPROTO_TCP && tcp->syn))
			return verdict(DROP_STATE);
		if (ip->protocol == IPPROTO_TCP)
			connection->state = next_state(state, tcp, reply);
		connection->packets[reply & 1]++;
		connection->bytes[reply & 1] += length;
		return verdict(reply ? PASS_REPLY : PASS_KNOWN);
	}
	service = (__u32)ip->protocol << 16 | bpf_ntohs(tcp->dest);
	if (!bpf_map_lookup_elem(&allowed, &service))
		return verdict(DROP_SERVICE);
	{
		struct connection new = { .state = ip->protocol == IPPROTO_TCP ? SYN_SENT : ESTABLISHED };

		if (reply) {
			new.packets[1] = 1;
			new.bytes[1] = length;
		} else {
			new.packets[0] = 1;
			new.bytes[0] = length;
		}
		bpf_map_update_elem(&table, &tuple, &new, BPF_ANY);
	}
	return verdict(PASS_NEW);
}
