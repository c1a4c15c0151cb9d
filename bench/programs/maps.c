// SPDX-License-Identifier: Apache-2.0
/* Look-ups and updates in each kind of map, calls of subprograms and callbacks, tail calls. */
#include <linux/bpf.h>
#include "skep_helpers.h"

#define MAP(name, kind, key_type, value_type, entries, more)                    \
	struct {                                                                    \
		__uint(type, kind);                                                     \
		__uint(max_entries, entries);                                           \
		__type(key, key_type);                                                  \
		__type(value, value_type);                                              \
		more                                                                    \
	} name SEC(".maps")

struct flow {
	__u32 source, destination;
	__u16 ports[2];
	__u32 protocol;
};

struct prefix {
	__u32 length;
	__u32 address;
};

MAP(counters, BPF_MAP_TYPE_ARRAY, __u32, __u64, 256, );
MAP(cpu_counters, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, __u64, 256, );
MAP(flows, BPF_MAP_TYPE_HASH, struct flow, __u64, 4096, );
MAP(recent, BPF_MAP_TYPE_LRU_HASH, struct flow, __u64, 4096, );
MAP(cpu_flows, BPF_MAP_TYPE_PERCPU_HASH, __u32, __u64, 1024, );
MAP(routes, BPF_MAP_TYPE_LPM_TRIE, struct prefix, __u32, 1024, __uint(map_flags, 1););

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 8);
	__type(key, __u32);
	__array(values, int(void *));
} steps SEC(".maps");

__u64 global_packets;

static __always_inline __u32 *words(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;

	return data + 64 > end ? 0 : data;
}

SEC("xdp") int map_array(struct xdp_md *ctx)
{
	__u32 *data = words(ctx);

	if (!data)
		return XDP_ABORTED;
	for (int i = 0; i < 8; i++) {
		__u32 index = data[i] & 255;
		__u64 *count = bpf_map_lookup_elem(&counters, &index);

		if (count)
			*count += 1;
	}
	global_packets++;
	return XDP_PASS;
}

SEC("xdp") int map_percpu_array(struct xdp_md *ctx)
{
	__u32 *data = words(ctx);

	if (!data)
		return XDP_ABORTED;
	for (int i = 0; i < 8; i++) {
		__u32 index = data[i] & 255;
		__u64 *count = bpf_map_lookup_elem(&cpu_counters, &index);

		if (count)
			*count += 1;
	}
	return XDP_PASS;
}

static __always_inline void read_flow(__u32 *data, int i, struct flow *flow)
{
	flow->source = 0x0a000000 | (i * 37);
	flow->destination = data[0] & 15;
	flow->ports[0] = i;
	flow->ports[1] = 443;
	flow->protocol = 6;
}

SEC("xdp") int map_hash(struct xdp_md *ctx)
{
	__u32 *data = words(ctx);
	struct flow flow = {};

	if (!data)
		return XDP_ABORTED;
	for (int i = 0; i < 8; i++) {
		__u64 *count;

		read_flow(data, i, &flow);
		count = bpf_map_lookup_elem(&flows, &flow);
		if (count)
			__sync_fetch_and_add(count, 1);
		else {
			__u64 one = 1;

			bpf_map_update_elem(&flows, &flow, &one, 0);
		}
	}
	return XDP_PASS;
}

SEC("xdp") int map_lru(struct xdp_md *ctx)
{
	__u32 *data = words(ctx);
	struct flow flow = {};

	if (!data)
		return XDP_ABORTED;
	for (int i = 0; i < 8; i++) {
		__u64 *count;

		read_flow(data, i, &flow);
		count = bpf_map_lookup_elem(&recent, &flow);
		if (count)
			*count += 1;
		else {
			__u64 one = 1;

			bpf_map_update_elem(&recent, &flow, &one, 0);
		}
	}
	return XDP_PASS;
}

SEC("xdp") int map_percpu_hash(struct xdp_md *ctx)
{
	__u32 *data = words(ctx);

	if (!data)
		return XDP_ABORTED;
	for (__u32 i = 0; i < 8; i++) {
		__u32 key = i * 3;
		__u64 *count = bpf_map_lookup_elem(&cpu_flows, &key);

		if (count)
			*count += 1;
		else {
			__u64 one = 1;

			bpf_map_update_elem(&cpu_flows, &key, &one, 0);
		}
	}
	return XDP_PASS;
}

SEC("xdp") int map_lpm(struct xdp_md *ctx)
{
	__u32 *data = words(ctx);
	__u32 sum = 0;

	if (!data)
		return XDP_ABORTED;
	for (int i = 0; i < 8; i++) {
		struct prefix key = { 32, data[i] };
		__u32 *route = bpf_map_lookup_elem(&routes, &key);

		sum += route ? *route : 1;
	}
	return sum & 1 ? XDP_PASS : XDP_DROP;
}

/* A value that is replaced, as firewalls do with their state. */
SEC("xdp") int map_update(struct xdp_md *ctx)
{
	__u32 *data = words(ctx);
	struct flow flow = {};
	__u64 now = 1;

	if (!data)
		return XDP_ABORTED;
	for (int i = 0; i < 4; i++) {
		read_flow(data, i, &flow);
		now += i;
		bpf_map_update_elem(&flows, &flow, &now, 0);
	}
	return XDP_PASS;
}

static __noinline __u32 mix(__u32 a, __u32 b)
{
	a ^= b << 7;
	return a * 0x9e3779b1 + (a >> 11);
}

static __noinline __u32 mix_twice(__u32 a, __u32 b)
{
	return mix(mix(a, b), b + 1);
}

SEC("xdp") int subprograms(struct xdp_md *ctx)
{
	__u32 *data = words(ctx);
	__u32 hash = 1;

	if (!data)
		return XDP_ABORTED;
	for (int i = 0; i < 16; i++)
		hash = mix_twice(hash, data[i]);
	return hash & 1 ? XDP_PASS : XDP_DROP;
}

static int add_up(__u32 index, __u64 *sum)
{
	*sum += index * 3;
	return 0;
}

SEC("xdp") int loop_callback(struct xdp_md *ctx)
{
	__u64 sum = 0;

	bpf_loop(64, add_up, &sum, 0);
	return sum & 1 ? XDP_PASS : XDP_DROP;
}

SEC("xdp") int tail_4(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("xdp") int tail_3(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &steps, 4);
	return XDP_DROP;
}

SEC("xdp") int tail_2(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &steps, 3);
	return XDP_DROP;
}

SEC("xdp") int tail_1(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &steps, 2);
	return XDP_DROP;
}

SEC("xdp") int tail_calls(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &steps, 1);
	return XDP_DROP;
}
