// SPDX-License-Identifier: Apache-2.0
/*
 * Takes packets apart through tail calls, one program for a layer: Ethernet with tags, MPLS, PPPoE, IPv4, IPv6 with extension
 * headers, GRE, IP in IP, UDP with VXLAN and GENEVE, TCP with options, SCTP, ICMP. What was found is counted.
 */
#include "../../test/fixtures/net/net.h"

enum { ETHER, IP4, IP6, L4, TCP, UDP, GRE, PROGRAMS };

struct place {
	__u32 offset;
	__u16 proto;
	__u8 depth;
	__u8 protocol;
};

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, PROGRAMS);
	__type(key, __u32);
	__array(values, int(void *));
} layers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct place);
} places SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} seen SEC(".maps");

static __always_inline void count(__u32 what)
{
	__u64 *number = bpf_map_lookup_elem(&seen, &what);

	if (number)
		*number += 1;
}

static __always_inline struct place *here(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&places, &zero);
}

static __always_inline int give_up(__u32 what)
{
	count(what);
	return what < 32 ? XDP_PASS : XDP_DROP;
}

static __always_inline int by_ether_type(struct xdp_md *ctx, __be16 proto)
{
	switch (proto) {
	case bpf_htons(ETH_P_IP):
		bpf_tail_call(ctx, &layers, IP4);
		break;
	case bpf_htons(ETH_P_IPV6):
		bpf_tail_call(ctx, &layers, IP6);
		break;
	case bpf_htons(ETH_P_ARP):
		return give_up(1);
	case bpf_htons(ETH_P_LLDP):
		return give_up(2);
	}
	return give_up(3);
}

SEC("xdp") int dissect(struct xdp_md *ctx)
{
	struct place *place = here();

	if (!place)
		return XDP_ABORTED;
	place->offset = 0;
	place->depth = 0;
	bpf_tail_call(ctx, &layers, ETHER);
	return XDP_ABORTED;
}

SEC("xdp") int dissect_ether(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct place *place = here();
	struct ethhdr *eth;
	__u32 offset;
	__be16 proto;

	if (!place || place->depth++ > 3)
		return give_up(40);
	offset = place->offset;
	eth = at_offset(data, offset);
	if ((void *)(eth + 1) > end)
		return give_up(32);
	proto = eth->h_proto;
	offset += sizeof(*eth);
	for (int i = 0; i < MAX_TAGS; i++) {
		struct vlan_hdr *tag = at_offset(data, offset);

		if (!is_tag(proto))
			break;
		if ((void *)(tag + 1) > end)
			return give_up(33);
		proto = tag->proto;
		offset += sizeof(*tag);
		count(4);
	}
	if (proto == bpf_htons(ETH_P_MPLS_UC)) {
		for (int i = 0; i < 4; i++) {
			__be32 *label = at_offset(data, offset);

			if ((void *)(label + 1) > end)
				return give_up(34);
			offset += 4;
			if (*label & bpf_htonl(0x100))
				break;
		}
		proto = bpf_htons(ETH_P_IP);
		count(5);
	} else if (proto == bpf_htons(ETH_P_PPP_SES)) {
		__be16 *ppp = at_offset(data, offset);

		if ((void *)(ppp + 4) > end)
			return give_up(35);
		proto = ppp[3] == bpf_htons(0x21) ? bpf_htons(ETH_P_IP) : bpf_htons(ETH_P_IPV6);
		offset += 8;
		count(6);
	}
	place->offset = offset;
	return by_ether_type(ctx, proto);
}

SEC("xdp") int dissect_ip4(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct place *place = here();
	struct iphdr *ip;

	if (!place)
		return XDP_ABORTED;
	ip = at_offset(data, place->offset);
	if ((void *)(ip + 1) > end || ip->version != 4 || ip->ihl < 5)
		return give_up(36);
	count(7);
	place->protocol = ip->protocol;
	place->offset += ip->ihl * 4;
	if (ip->frag_off & bpf_htons(0x1fff))
		return give_up(8);
	bpf_tail_call(ctx, &layers, L4);
	return XDP_ABORTED;
}

SEC("xdp") int dissect_ip6(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct place *place = here();
	struct ipv6hdr *ip;
	__u32 offset;
	__u8 protocol;

	if (!place)
		return XDP_ABORTED;
	offset = place->offset;
	ip = at_offset(data, offset);
	if ((void *)(ip + 1) > end || ip->version != 6)
		return give_up(37);
	count(9);
	protocol = ip->nexthdr;
	offset += sizeof(*ip);
	for (int i = 0; i < MAX_EXTENSIONS; i++) {
		struct ipv6_opt_hdr *option = at_offset(data, offset);

		if (!is_extension(protocol) && protocol != IPPROTO_FRAGMENT)
			break;
		if ((void *)(option + 1) > end)
			return give_up(38);
		offset += protocol == IPPROTO_FRAGMENT ? 8 : (option->hdrlen + 1) * 8;
		protocol = option->nexthdr;
		count(10);
	}
	place->protocol = protocol;
	place->offset = offset;
	bpf_tail_call(ctx, &layers, L4);
	return XDP_ABORTED;
}

SEC("xdp") int dissect_l4(struct xdp_md *ctx)
{
	struct place *place = here();

	if (!place)
		return XDP_ABORTED;
	switch (place->protocol) {
	case IPPROTO_TCP:
		bpf_tail_call(ctx, &layers, TCP);
		break;
	case IPPROTO_UDP:
		bpf_tail_call(ctx, &layers, UDP);
		break;
	case IPPROTO_GRE:
		bpf_tail_call(ctx, &layers, GRE);
		break;
	case IPPROTO_IPIP:
		if (place->depth++ < 4)
			bpf_tail_call(ctx, &layers, IP4);
		break;
	case IPPROTO_IPV6:
		if (place->depth++ < 4)
			bpf_tail_call(ctx, &layers, IP6);
		break;
	case IPPROTO_ICMP:
		return give_up(11);
	case IPPROTO_ICMPV6:
		return give_up(12);
	case IPPROTO_SCTP:
		return give_up(13);
	case IPPROTO_ESP:
		return give_up(14);
	case IPPROTO_AH:
		return give_up(15);
	}
	return give_up(16);
}

SEC("xdp") int dissect_tcp(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct place *place = here();
	struct tcphdr *tcp;
	__u32 offset, stop;

	if (!place)
		return XDP_ABORTED;
	offset = place->offset;
	tcp = at_offset(data, offset);
	if ((void *)(tcp + 1) > end || tcp->doff < 5)
		return give_up(39);
	stop = offset + tcp->doff * 4;
	offset += sizeof(*tcp);
	for (int i = 0; i < 10; i++) {
		__u8 *option = at_offset(data, offset);

		if (offset >= stop || (void *)(option + 2) > end || option[0] == 0)
			break;
		if (option[0] == 1) {
			offset++;
			continue;
		}
		if (option[0] == 2)
			count(17);
		else if (option[0] == 8)
			count(18);
		if (option[1] < 2)
			return give_up(41);
		offset += option[1];
	}
	count(tcp->syn ? 19 : tcp->fin ? 20 : tcp->rst ? 21 : 22);
	return tcp->dest == bpf_htons(23) ? XDP_DROP : XDP_PASS;
}

SEC("xdp") int dissect_udp(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct place *place = here();
	struct udphdr *udp;

	if (!place)
		return XDP_ABORTED;
	udp = at_offset(data, place->offset);
	if ((void *)(udp + 1) > end)
		return give_up(42);
	switch (udp->dest) {
	case bpf_htons(4789):
	case bpf_htons(6081):
		count(23);
		place->offset += sizeof(*udp) + 8;
		bpf_tail_call(ctx, &layers, ETHER);
		break;
	case bpf_htons(53):
		count(24);
		break;
	case bpf_htons(443):
		count(25);
		break;
	}
	return XDP_PASS;
}

SEC("xdp") int dissect_gre(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct place *place = here();
	__be16 *gre;
	__u16 flags;

	if (!place || place->depth++ > 3)
		return give_up(43);
	gre = at_offset(data, place->offset);
	if ((void *)(gre + 2) > end)
		return give_up(44);
	flags = bpf_ntohs(gre[0]);
	place->offset += 4 + (flags >> 15) * 4 + (flags >> 13 & 1) * 4 + (flags >> 12 & 1) * 4;
	count(26);
	return by_ether_type(ctx, gre[1]);
}
