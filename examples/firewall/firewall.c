// SPDX-License-Identifier: Apache-2.0
/*
 * A small XDP firewall: what comes in is checked for sense, looked up in lists of blocked addresses, prefixes and
 * services, counted by verdict, and remembered by flow. Pings to the host are answered on the spot.
 *
 * The lists have two halves. The constants below are the firewall's own configuration: whoever loads the program may
 * change them before it is loaded. The maps are for changes while it runs; they may be empty.
 *
 *   clang -O2 -g -target bpf -c firewall.c -o firewall.o
 *   skep run firewall.o --pcap traffic.pcap
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define IP4(a, b, c, d) bpf_htonl((a) << 24 | (b) << 16 | (c) << 8 | (d))
#define LIST 8

/* Why a packet got its verdict: the index of its counter. */
enum reason {
	PASS_OTHER,	  /* not IP: ARP, LLDP, ... */
	PASS_TCP,
	PASS_UDP,
	PASS_ICMP,
	PASS_IP,	  /* another protocol over IP, or a later fragment */
	TX_PING,
	DROP_MALFORMED,
	DROP_TCP_FLAGS,
	DROP_FRAGMENT,
	DROP_ADDRESS,
	DROP_PREFIX,
	DROP_SERVICE,
	REASONS,
};

struct prefix {
	__be32 address;
	__be32 mask;
};

/* Configuration that stays as it is once the program is loaded. */
const volatile __be32 blocked_addresses[LIST] = { IP4(203, 0, 113, 66) };
const volatile struct prefix blocked_networks[LIST] = { { IP4(198, 18, 0, 0), IP4(255, 254, 0, 0) } };
const volatile __u16 blocked_ports[LIST] = { 23, 445, 3389 };
const volatile _Bool drop_fragments = 0;

/* Configuration that may change while it runs. */
int answer_pings = 1;
/* How many drops are still to be traced. */
int traces_left = 5;

/* IPv4 addresses that are blocked, and how often each came. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, __be32);
	__type(value, __u64);
} blocked SEC(".maps");

struct prefix_key {
	__u32 length;
	__be32 address;
};

/* IPv4 prefixes that are blocked, and how often each matched. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix_key);
	__type(value, __u64);
} blocked_prefixes SEC(".maps");

struct service {
	__u16 port;
	__u8 protocol;
	__u8 pad;
};

enum action { ALLOW = 1, BLOCK = 2 };

/* Services with a rule of their own; it goes before blocked_ports. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, struct service);
	__type(value, __u8);
} services SEC(".maps");

struct counter {
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, REASONS);
	__type(key, __u32);
	__type(value, struct counter);
} verdicts SEC(".maps");

struct flow {
	__be32 source;
	__be32 destination;
	__u16 source_port;
	__u16 destination_port;
	__u8 protocol;
	__u8 pad[3];
};

struct flow_state {
	__u64 packets;
	__u64 bytes;
	/* Every TCP flag seen. */
	__u8 tcp_flags;
	__u8 pad[7];
};

/* The flows that were let through, the least recently seen making room. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct flow);
	__type(value, struct flow_state);
} flows SEC(".maps");

struct vlan_tag {
	__be16 tci;
	__be16 protocol;
};

struct icmp_header {
	__u8 type;
	__u8 code;
	__u16 checksum;
	__u32 rest;
};

/* What the parser found. */
struct packet {
	void *transport;
	void *end;
	__be32 source;
	__be32 destination;
	__u16 source_port;
	__u16 destination_port;
	__u8 protocol;
	__u8 tcp_flags;
	_Bool has_ipv4;
	_Bool fragment;
};

static __always_inline _Bool listed(__be32 source)
{
	for (int i = 0; i < LIST; i++)
		if (blocked_addresses[i] && blocked_addresses[i] == source)
			return 1;
	return 0;
}

static __always_inline _Bool in_networks(__be32 source)
{
	for (int i = 0; i < LIST; i++)
		if (blocked_networks[i].mask && (source & blocked_networks[i].mask) == blocked_networks[i].address)
			return 1;
	return 0;
}

static __always_inline _Bool port_blocked(__u16 port)
{
	for (int i = 0; i < LIST; i++)
		if (blocked_ports[i] && blocked_ports[i] == port)
			return 1;
	return 0;
}

static __always_inline enum reason check_source(__be32 source)
{
	struct prefix_key key = { .length = 32, .address = source };
	__u64 *hits = bpf_map_lookup_elem(&blocked, &source);

	if (hits) {
		__sync_fetch_and_add(hits, 1);
		return DROP_ADDRESS;
	}
	if (listed(source))
		return DROP_ADDRESS;
	hits = bpf_map_lookup_elem(&blocked_prefixes, &key);
	if (hits) {
		__sync_fetch_and_add(hits, 1);
		return DROP_PREFIX;
	}
	return in_networks(source) ? DROP_PREFIX : PASS_IP;
}

/* Flag combinations that no sane stack sends: none at all, SYN with FIN or RST, FIN without ACK. */
static __always_inline _Bool flags_make_no_sense(__u8 flags)
{
	const __u8 fin = 1, syn = 2, rst = 4, ack = 16;

	if ((flags & (fin | syn | rst | ack)) == 0)
		return 1;
	if ((flags & syn) && (flags & (fin | rst)))
		return 1;
	return (flags & fin) && !(flags & ack);
}

/* Ports and flags of TCP and UDP; PASS_IP means that the packet makes sense. */
static __always_inline enum reason parse_transport(struct packet *packet)
{
	void *end = packet->end;

	if (packet->protocol == IPPROTO_TCP) {
		struct tcphdr *tcp = packet->transport;

		if ((void *)(tcp + 1) > end || tcp->doff < 5 || packet->transport + tcp->doff * 4 > end)
			return DROP_MALFORMED;
		packet->source_port = bpf_ntohs(tcp->source);
		packet->destination_port = bpf_ntohs(tcp->dest);
		packet->tcp_flags = ((__u8 *)tcp)[13];
		if (flags_make_no_sense(packet->tcp_flags))
			return DROP_TCP_FLAGS;
	} else if (packet->protocol == IPPROTO_UDP) {
		struct udphdr *udp = packet->transport;

		if ((void *)(udp + 1) > end || bpf_ntohs(udp->len) < sizeof(*udp))
			return DROP_MALFORMED;
		packet->source_port = bpf_ntohs(udp->source);
		packet->destination_port = bpf_ntohs(udp->dest);
	}
	return PASS_IP;
}

static __always_inline enum reason check_service(const struct packet *packet)
{
	struct service key = { .port = packet->destination_port, .protocol = packet->protocol };
	__u8 *rule;

	if (packet->protocol != IPPROTO_TCP && packet->protocol != IPPROTO_UDP)
		return PASS_IP;
	rule = bpf_map_lookup_elem(&services, &key);
	if (rule)
		return *rule == BLOCK ? DROP_SERVICE : PASS_IP;
	return port_blocked(packet->destination_port) ? DROP_SERVICE : PASS_IP;
}

static __always_inline void remember(const struct packet *packet, __u64 length)
{
	struct flow key = {
		.source = packet->source,
		.destination = packet->destination,
		.source_port = packet->source_port,
		.destination_port = packet->destination_port,
		.protocol = packet->protocol,
	};
	struct flow_state *known = bpf_map_lookup_elem(&flows, &key);
	struct flow_state first = { .packets = 1, .bytes = length, .tcp_flags = packet->tcp_flags };

	if (!known) {
		bpf_map_update_elem(&flows, &key, &first, BPF_ANY);
		return;
	}
	known->packets++;
	known->bytes += length;
	known->tcp_flags |= packet->tcp_flags;
}

/* Turns an echo request into its reply, in place. */
static __always_inline void answer(struct ethhdr *ethernet, struct iphdr *ip, struct icmp_header *icmp)
{
	__u8 mac[ETH_ALEN];
	__be32 address = ip->saddr;
	__u32 sum;

	__builtin_memcpy(mac, ethernet->h_source, ETH_ALEN);
	__builtin_memcpy(ethernet->h_source, ethernet->h_dest, ETH_ALEN);
	__builtin_memcpy(ethernet->h_dest, mac, ETH_ALEN);
	ip->saddr = ip->daddr;
	ip->daddr = address;
	/* The first word goes from 0x0800 to 0x0000 (RFC 1624). */
	sum = (__u16)~icmp->checksum + (__u16)~bpf_htons(0x0800);
	sum = (sum & 0xffff) + (sum >> 16);
	icmp->checksum = ~((sum & 0xffff) + (sum >> 16));
	icmp->type = 0;
}

static __always_inline enum reason judge_ipv4(struct ethhdr *ethernet, void *start, void *end, struct packet *packet)
{
	struct iphdr *ip = start;
	__u32 header, total, fragment;
	enum reason reason;

	if ((void *)(ip + 1) > end || ip->version != 4)
		return DROP_MALFORMED;
	header = ip->ihl * 4;
	total = bpf_ntohs(ip->tot_len);
	/* The network may pad a frame, it never sends less than the header promises. */
	if (header < sizeof(*ip) || total < header || start + header > end || start + total > end)
		return DROP_MALFORMED;
	if (ip->saddr == ip->daddr)
		return DROP_MALFORMED;
	packet->has_ipv4 = 1;
	packet->source = ip->saddr;
	packet->destination = ip->daddr;
	packet->protocol = ip->protocol;
	packet->transport = start + header;
	packet->end = end;
	fragment = bpf_ntohs(ip->frag_off);
	reason = check_source(ip->saddr);
	if (reason != PASS_IP)
		return reason;
	packet->fragment = (fragment & 0x1fff) != 0;
	if (packet->fragment)
		return drop_fragments ? DROP_FRAGMENT : PASS_IP;
	reason = parse_transport(packet);
	if (reason != PASS_IP)
		return reason;
	reason = check_service(packet);
	if (reason != PASS_IP)
		return reason;
	if (packet->protocol == IPPROTO_ICMP) {
		struct icmp_header *icmp = packet->transport;

		if ((void *)(icmp + 1) > end)
			return DROP_MALFORMED;
		if (icmp->type == 8 && icmp->code == 0 && answer_pings) {
			answer(ethernet, ip, icmp);
			return TX_PING;
		}
		return PASS_ICMP;
	}
	return packet->protocol == IPPROTO_TCP ? PASS_TCP : packet->protocol == IPPROTO_UDP ? PASS_UDP : PASS_IP;
}

static __always_inline enum reason judge_ipv6(void *start, void *end, struct packet *packet)
{
	struct ipv6hdr *ip = start;
	enum reason reason;

	if ((void *)(ip + 1) > end || ip->version != 6)
		return DROP_MALFORMED;
	if ((void *)(ip + 1) + bpf_ntohs(ip->payload_len) > end)
		return DROP_MALFORMED;
	packet->protocol = ip->nexthdr;
	packet->transport = ip + 1;
	packet->end = end;
	reason = parse_transport(packet);
	if (reason != PASS_IP)
		return reason;
	reason = check_service(packet);
	if (reason != PASS_IP)
		return reason;
	switch (packet->protocol) {
	case IPPROTO_TCP:
		return PASS_TCP;
	case IPPROTO_UDP:
		return PASS_UDP;
	case IPPROTO_ICMPV6:
		return PASS_ICMP;
	}
	return PASS_IP;
}

static __always_inline enum reason judge(struct xdp_md *ctx, struct packet *packet)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *ethernet = data;
	void *next = ethernet + 1;
	__be16 protocol;

	if (next > end)
		return DROP_MALFORMED;
	protocol = ethernet->h_proto;
	/* One tag, or two (802.1ad). */
	for (int i = 0; i < 2; i++) {
		struct vlan_tag *tag = next;

		if (protocol != bpf_htons(ETH_P_8021Q) && protocol != bpf_htons(ETH_P_8021AD))
			break;
		if ((void *)(tag + 1) > end)
			return DROP_MALFORMED;
		protocol = tag->protocol;
		next = tag + 1;
	}
	if (protocol == bpf_htons(ETH_P_IP))
		return judge_ipv4(ethernet, next, end, packet);
	if (protocol == bpf_htons(ETH_P_IPV6))
		return judge_ipv6(next, end, packet);
	return PASS_OTHER;
}

static __always_inline void trace(enum reason reason, const struct packet *packet)
{
	if (traces_left <= 0)
		return;
	traces_left--;
	if (packet->has_ipv4)
		bpf_printk("firewall: dropped %pI4 to port %d, reason %d", &packet->source, packet->destination_port, reason);
	else
		bpf_printk("firewall: dropped a packet that is not IPv4, reason %d", reason);
}

SEC("xdp")
int firewall(struct xdp_md *ctx)
{
	__u64 length = ctx->data_end - ctx->data;
	struct packet packet = {};
	enum reason reason = judge(ctx, &packet);
	__u32 index = reason;
	struct counter *counter = bpf_map_lookup_elem(&verdicts, &index);

	if (counter) {
		counter->packets++;
		counter->bytes += length;
	}
	if (reason >= DROP_MALFORMED) {
		trace(reason, &packet);
		return XDP_DROP;
	}
	if (packet.has_ipv4)
		remember(&packet, length);
	return reason == TX_PING ? XDP_TX : XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
