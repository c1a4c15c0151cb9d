// SPDX-License-Identifier: Apache-2.0
/* Sends an event for each system call of one process through a ring buffer. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* Set before loading: the process to watch, or 0 for all. */
const volatile __u32 watched_pid = 0;

struct event {
	__u64 time;
	__u32 pid;
	__u32 syscall;
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} events SEC(".maps");

/* Events that found the ring buffer full. */
__u64 lost = 0;

/* Arguments of the tracepoint: registers, number of the system call. */
SEC("raw_tp/sys_enter")
int on_syscall(struct bpf_raw_tracepoint_args *ctx)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	struct event *event;

	if (watched_pid && pid != watched_pid)
		return 0;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event) {
		__sync_fetch_and_add(&lost, 1);
		return 0;
	}
	event->time = bpf_ktime_get_ns();
	event->pid = pid;
	event->syscall = ctx->args[1];
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpf_ringbuf_submit(event, 0);
	return 0;
}

char _license[] SEC("license") = "GPL";
