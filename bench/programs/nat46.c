// SPDX-License-Identifier: Apache-2.0
/*
 * Translates IPv4 to IPv6 and back: addresses from a hash map, headers rebuilt, the transport checksum corrected by the
 * difference. It translates there and back in one run, so that a run can be repeated on the same packet.
 */
#include "../../test/fixtures/net/net.h"

struct in6 {
	__be32 words[4];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __be32);
	__type(value, struct in6);
} six_of_four SEC(".maps");

static __always_inline __u32 add32(__u32 sum, __be32 word)
{
	return sum + (word & 0xffff) + (word >> 16);
}

static __always_inline __u16 fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

static __always_inline int change_check(void *transport, void *end, __u8 protocol, __u32 difference)
{
	__be16 *check = transport + (protocol == IPPROTO_TCP ? 16 : 6);

	if ((void *)(check + 1) > end)
		return -1;
	*check = ~fold((__u16)~*check + difference);
	return 0;
}

static __noinline int to_six(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr eth_copy, *eth = data;
	struct iphdr ip_copy, *ip = data + sizeof(*eth);
	struct in6 *source, *destination;
	struct ipv6hdr *six;
	__u32 difference = 0;

	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP) || ip->ihl != 5)
		return -1;
	eth_copy = *eth;
	ip_copy = *ip;
	source = bpf_map_lookup_elem(&six_of_four, &ip_copy.saddr);
	destination = bpf_map_lookup_elem(&six_of_four, &ip_copy.daddr);
	if (!source || !destination)
		return -2;
	if (bpf_xdp_adjust_head(ctx, -20))
		return -3;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	eth = data;
	six = data + sizeof(*eth);
	if ((void *)(six + 1) > end)
		return -4;
	*eth = eth_copy;
	eth->h_proto = bpf_htons(ETH_P_IPV6);
	*(__be32 *)six = bpf_htonl(6u << 28 | (__u32)ip_copy.tos << 20);
	six->payload_len = bpf_htons(bpf_ntohs(ip_copy.tot_len) - 20);
	six->nexthdr = ip_copy.protocol;
	six->hop_limit = ip_copy.ttl;
#pragma unroll
	for (int i = 0; i < 4; i++) {
		((__be32 *)&six->saddr)[i] = source->words[i];
		((__be32 *)&six->daddr)[i] = destination->words[i];
		difference = add32(add32(difference, source->words[i]), destination->words[i]);
	}
	difference = add32(add32(difference, ~ip_copy.saddr), ~ip_copy.daddr);
	return change_check(six + 1, end, ip_copy.protocol, difference);
}

static __noinline int to_four(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr eth_copy, *eth = data;
	struct ipv6hdr *six = data + sizeof(*eth);
	struct iphdr ip = { .version = 4, .ihl = 5 }, *out;
	__u32 difference = 0, sum = 0;

	if ((void *)(six + 1) > end || eth->h_proto != bpf_htons(ETH_P_IPV6))
		return -1;
	eth_copy = *eth;
	ip.tos = bpf_ntohl(*(__be32 *)six) >> 20;
	ip.tot_len = bpf_htons(bpf_ntohs(six->payload_len) + 20);
	ip.ttl = six->hop_limit;
	ip.protocol = six->nexthdr;
	ip.saddr = ((__be32 *)&six->saddr)[3];
	ip.daddr = ((__be32 *)&six->daddr)[3];
#pragma unroll
	for (int i = 0; i < 4; i++)
		difference = add32(add32(difference, ~((__be32 *)&six->saddr)[i]), ~((__be32 *)&six->daddr)[i]);
	difference = add32(add32(difference, ip.saddr), ip.daddr);
#pragma unroll
	for (int i = 0; i < 10; i++)
		sum += ((__u16 *)&ip)[i];
	ip.check = ~fold(sum);
	if (bpf_xdp_adjust_head(ctx, 20))
		return -2;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	eth = data;
	out = data + sizeof(*eth);
	if ((void *)(out + 1) > end)
		return -3;
	*eth = eth_copy;
	eth->h_proto = bpf_htons(ETH_P_IP);
	*out = ip;
	return change_check(out + 1, end, ip.protocol, difference);
}

SEC("xdp") int nat46(struct xdp_md *ctx)
{
	if (to_six(ctx))
		return XDP_PASS;
	if (to_four(ctx))
		return XDP_DROP;
	return XDP_TX;
}
