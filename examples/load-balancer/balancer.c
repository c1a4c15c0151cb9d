// A load balancer for one address: each flow goes to one of the backends, which all have the address themselves and
// answer for it. Only hardware addresses are written, so no sum changes.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include "skep_helpers.h"

#define BACKENDS 3

/* Network order. */
const volatile __u32 service = 0;
/* 1: back out of the device the packet came by; 0: out of the backend's own. */
const volatile __u32 one_armed = 0;

struct backend {
	__u8 mac[6];
	__u8 own[6];
	__u32 pad;
	__u64 packets;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BACKENDS);
	__type(key, __u32);
	__type(value, struct backend);
} backends SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, BACKENDS);
	__type(key, __u32);
	__type(value, __u32);
} devices SEC(".maps");

SEC("xdp") int balance(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	__u16 *ports = (void *)(ip + 1);
	struct backend *backend;
	__u32 flow, key;

	if ((void *)(ports + 2) > end || eth->h_proto != __builtin_bswap16(ETH_P_IP) || ip->ihl != 5)
		return XDP_PASS;
	if (ip->daddr != service)
		return XDP_PASS;
	flow = ip->saddr ^ ip->protocol;
	if (ip->protocol == IPPROTO_UDP || ip->protocol == IPPROTO_TCP)
		flow ^= ports[0] | (__u32)ports[1] << 16;
	flow *= 0x9e3779b1;
	key = (flow >> 16) % BACKENDS;
	backend = bpf_map_lookup_elem(&backends, &key);
	if (!backend)
		return XDP_ABORTED;
	__sync_fetch_and_add(&backend->packets, 1);
	__builtin_memcpy(eth->h_dest, backend->mac, 6);
	__builtin_memcpy(eth->h_source, backend->own, 6);
	if (one_armed)
		return XDP_TX;
	return bpf_redirect_map(&devices, key, XDP_DROP);
}

/* At the other end of a pair of veths: a frame that a driver hands over is only taken where a program runs. */
SEC("xdp") int take(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
