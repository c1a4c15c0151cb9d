// SPDX-License-Identifier: Apache-2.0
/* Counts the bytes that come in and go out, in one map that both programs find by its pin. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum direction { INGRESS, EGRESS };

struct key {
	__u16 direction;
	__u16 ether_type;
};

struct traffic {
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, struct key);
	__type(value, struct traffic);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} tc_bytes SEC(".maps");

static __always_inline int account(struct __sk_buff *skb, __u16 direction)
{
	struct key key = { .direction = direction, .ether_type = bpf_ntohs(skb->protocol) };
	struct traffic none = {};
	struct traffic *traffic = bpf_map_lookup_elem(&tc_bytes, &key);

	if (!traffic) {
		bpf_map_update_elem(&tc_bytes, &key, &none, BPF_NOEXIST);
		traffic = bpf_map_lookup_elem(&tc_bytes, &key);
	}
	if (traffic) {
		__sync_fetch_and_add(&traffic->packets, 1);
		__sync_fetch_and_add(&traffic->bytes, skb->len);
	}
	return TC_ACT_OK;
}

SEC("tc")
int count_ingress(struct __sk_buff *skb)
{
	return account(skb, INGRESS);
}

SEC("tc")
int count_egress(struct __sk_buff *skb)
{
	return account(skb, EGRESS);
}

char _license[] SEC("license") = "Apache-2.0";
