// SPDX-License-Identifier: Apache-2.0
/* Sends an event for each system call of one process, and for each call of functions that are probed, through a ring buffer. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* Set before loading: the process to watch, or 0 for all. */
const volatile __u32 watched_pid = 0;

struct event {
	__u64 time;
	__u32 pid;
	/* Of the system call; or what user space gave when it attached the probe. */
	__u32 number;
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} events SEC(".maps");

/* Events that found the ring buffer full. */
__u64 lost = 0;

static __always_inline int send(__u32 number)
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
	event->number = number;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpf_ringbuf_submit(event, 0);
	return 0;
}

/* Arguments of the tracepoint: registers, number of the system call. */
SEC("raw_tp/sys_enter")
int on_syscall(struct bpf_raw_tracepoint_args *ctx)
{
	return send(ctx->args[1]);
}

/* One program for several functions of user space: the cookie says which. */
SEC("uprobe")
int on_function(void *ctx)
{
	return send(bpf_get_attach_cookie(ctx));
}

char _license[] SEC("license") = "GPL";
