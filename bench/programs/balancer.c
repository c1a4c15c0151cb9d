// SPDX-License-Identifier: Apache-2.0
/*
 * A layer 4 load balancer: virtual services in a hash map, connections remembered in an LRU map, a consistent-hashing ring
 * for new ones, and IP-in-IP encapsulation towards the chosen server. The outer header is taken off again, so that
 * a run can be repeated on the same packet.
 */
#include "../../test/fixtures/net/net.h"

#define RING 1024
#define SERVICES 16

struct service_key {
	__be32 address;
	__be16 port;
	__u16 protocol;
};

struct service {
	__u32 number;
	__u32 flags;
};

struct flow {
	__be32 source, destination;
	__be16 ports[2];
	__u32 protocol;
};

struct connection {
	__u32 server;
	__u32 packets;
	__u64 seen;
};

struct server {
	__be32 address;
	__u32 weight;
};

struct stats {
	__u64 packets, bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, struct service_key);
	__type(value, struct service);
} services SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct flow);
	__type(value, struct connection);
} connections SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, RING * SERVICES);
	__type(key, __u32);
	__type(value, __u32);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, struct server);
} servers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SERVICES);
	__type(key, __u32);
	__type(value, struct stats);
} service_stats SEC(".maps");

static __always_inline __u32 rotate(__u32 x, int n)
{
	return x << n | x >> (32 - n);
}

static __always_inline __u32 hash_flow(const struct flow *flow)
{
	__u32 a = flow->source + 0x9e3779b9, b = flow->destination + 0x9e3779b9;
	__u32 c = ((__u32)flow->ports[0] << 16 | flow->ports[1]) + flow->protocol;

	c ^= b; c -= rotate(b, 14);
	a ^= c; a -= rotate(c, 11);
	b ^= a; b -= rotate(a, 25);
	c ^= b; c -= rotate(b, 16);
	a ^= c; a -= rotate(c, 4);
	b ^= a; b -= rotate(a, 14);
	c ^= b; c -= rotate(b, 24);
	return c;
}

static __always_inline __u16 fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static __always_inline int encapsulate(struct xdp_md *ctx, __be32 to, __u16 length)
{
	struct ethhdr old, *eth;
	struct iphdr *outer;
	void *data, *end;
	__u32 sum = 0;

	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(*outer)))
		return -1;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	if (data + sizeof(*eth) * 2 + sizeof(*outer) > end)
		return -1;
	__builtin_memcpy(&old, data + sizeof(*outer), sizeof(old));
	eth = data;
	__builtin_memcpy(eth->h_dest, old.h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, old.h_dest, ETH_ALEN);
	eth->h_proto = bpf_htons(ETH_P_IP);
	outer = data + sizeof(*eth);
	outer->version = 4;
	outer->ihl = 5;
	outer->tos = 0;
	outer->tot_len = bpf_htons(length + sizeof(*outer));
	outer->id = 0;
	outer->frag_off = 0;
	outer->ttl = 64;
	outer->protocol = IPPROTO_IPIP;
	outer->check = 0;
	outer->saddr = bpf_htonl(0x0a000001);
	outer->daddr = to;
#pragma unroll
	for (int i = 0; i < 10; i++)
		sum += ((__u16 *)outer)[i];
	outer->check = fold(sum);
	return 0;
}

SEC("xdp") int balancer(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = data + sizeof(*eth);
	struct service_key key = {};
	struct flow flow = {};
	struct service *service;
	struct connection *connection;
	struct server *server;
	struct stats *stats;
	struct tcphdr *tcp;
	__u32 number, index, length;
	struct ethhdr back;

	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP) || ip->ihl != 5)
		return XDP_PASS;
	if (ip->frag_off & bpf_htons(0x3fff))
		return XDP_DROP;
	if (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_UDP)
		return XDP_PASS;
	tcp = (void *)(ip + 1);
	if ((void *)tcp + 8 > end)
		return XDP_DROP;
	key.address = ip->daddr;
	key.port = tcp->dest;
	key.protocol = ip->protocol;
	service = bpf_map_lookup_elem(&services, &key);
	if (!service)
		return XDP_PASS;
	flow.source = ip->saddr;
	flow.destination = ip->daddr;
	flow.ports[0] = tcp->source;
	flow.ports[1] = tcp->dest;
	flow.protocol = ip->protocol;
	number = service->number & (SERVICES - 1);
	connection = bpf_map_lookup_elem(&connections, &flow);
	if (connection) {
		index = connection->server;
		connection->packets++;
	} else {
		struct connection new = { .packets = 1 };
		__u32 place = number * RING + (hash_flow(&flow) & (RING - 1));
		__u32 *chosen = bpf_map_lookup_elem(&ring, &place);

		if (!chosen)
			return XDP_DROP;
		index = new.server = *chosen;
		bpf_map_update_elem(&connections, &flow, &new, BPF_ANY);
	}
	server = bpf_map_lookup_elem(&servers, &index);
	if (!server)
		return XDP_DROP;
	length = bpf_ntohs(ip->tot_len);
	stats = bpf_map_lookup_elem(&service_stats, &number);
	if (stats) {
		stats->packets++;
		stats->bytes += length;
	}
	if (encapsulate(ctx, server->address, length))
		return XDP_DROP;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	if (data + sizeof(back) > end)
		return XDP_DROP;
	__builtin_memcpy(&back, data, sizeof(back));
	if (bpf_xdp_adjust_head(ctx, sizeof(struct iphdr)))
		return XDP_DROP;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	if (data + sizeof(back) > end)
		return XDP_DROP;
	__builtin_memcpy(((struct ethhdr *)data)->h_dest, back.h_source, ETH_ALEN);
	__builtin_memcpy(((struct ethhdr *)data)->h_source, back.h_dest, ETH_ALEN);
	((struct ethhdr *)data)->h_proto = bpf_htons(ETH_P_IP);
	return XDP_TX;
}
