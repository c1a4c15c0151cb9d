// SPDX-License-Identifier: Apache-2.0
/* Records of eight bytes that say when they were made (CLOCK_MONOTONIC): as many as the packet's first four bytes say. */
#include <linux/bpf.h>
#include "skep_helpers.h"

char _license[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536);
} ring SEC(".maps");

__u64 lost;

SEC("socket")
int ring_burst(struct __sk_buff *skb)
{
	__u32 count = 0;

	bpf_skb_load_bytes(skb, 0, &count, 4);
	for (__u32 i = 0; i < 4096 && i < count; i++) {
		__u64 *record = bpf_ringbuf_reserve(&ring, 8, 0);

		if (!record) {
			lost++;
			continue;
		}
		*record = bpf_ktime_get_ns();
		bpf_ringbuf_submit(record, 0);
	}
	return 0;
}
