// SPDX-License-Identifier: Apache-2.0
/*
 * Fifty tracing programs with what such objects have: CO-RE reads, maps, global data, a subprogram of its own. They
 * hang on tracepoints that seldom fire and are attached by their sections alone.
 */
#include <linux/bpf.h>
#include "skep_helpers.h"

char _license[] SEC("license") = "GPL";

struct mm_struct {
	unsigned long start_stack;
} __attribute__((preserve_access_index));

struct task_struct {
	int pid;
	int tgid;
	int prio;
	struct task_struct *real_parent;
	struct mm_struct *mm;
	char comm[16];
} __attribute__((preserve_access_index));

struct event {
	__u32 number, pid, parent;
	__u64 stack, stamp;
	char name[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct event);
} latest SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536);
} events SEC(".maps");

const volatile __u32 only_pid;
__u64 total;

static __attribute__((noinline)) int record(__u32 number, __u64 value)
{
	struct task_struct *task = (void *)bpf_get_current_task(), *parent = 0;
	struct event event = { .number = number, .stamp = bpf_ktime_get_ns() };
	struct mm_struct *mm = 0;
	__u64 *count = bpf_map_lookup_elem(&counts, &number);

	if (count)
		*count += value;
	bpf_probe_read_kernel(&event.pid, sizeof(event.pid), __builtin_preserve_access_index(&task->pid));
	if (only_pid && event.pid != only_pid)
		return 0;
	bpf_probe_read_kernel(&parent, sizeof(parent), __builtin_preserve_access_index(&task->real_parent));
	if (parent)
		bpf_probe_read_kernel(&event.parent, sizeof(event.parent), __builtin_preserve_access_index(&parent->tgid));
	bpf_probe_read_kernel(&mm, sizeof(mm), __builtin_preserve_access_index(&task->mm));
	if (mm)
		bpf_probe_read_kernel(&event.stack, sizeof(event.stack), __builtin_preserve_access_index(&mm->start_stack));
	bpf_probe_read_kernel_str(event.name, sizeof(event.name), __builtin_preserve_access_index(&task->comm));
	bpf_map_update_elem(&latest, &number, &event, BPF_ANY);
	bpf_ringbuf_output(&events, &event, sizeof(event), 0);
	__sync_fetch_and_add(&total, 1);
	return 0;
}

#define RAW(number)                                                            \
	SEC("raw_tp/task_rename")                                                  \
	int raw_##number(struct bpf_raw_tracepoint_args *ctx)                      \
	{                                                                          \
		__u64 sum = number;                                                    \
		for (int i = 0; i < 8; i++)                                            \
			sum = (sum << 3) ^ (sum >> 2) ^ bpf_ktime_get_ns();                \
		return record(number, sum);                                            \
	}

#define TYPED(number)                                                          \
	SEC("tp_btf/task_rename")                                                  \
	int typed_##number(__u64 *ctx)                                             \
	{                                                                          \
		struct task_struct *task = (void *)ctx[0];                             \
		return record(number, task->prio + number);                            \
	}

#define TRACE(number)                                                          \
	SEC("tracepoint/task/task_rename")                                         \
	int trace_##number(void *ctx)                                              \
	{                                                                          \
		return record(number, number);                                         \
	}

#define TEN(what, tens)                                                        \
	what(tens##0) what(tens##1) what(tens##2) what(tens##3) what(tens##4)      \
	what(tens##5) what(tens##6) what(tens##7) what(tens##8) what(tens##9)

TEN(RAW, 1)
TEN(RAW, 2)
TEN(TYPED, 3)
TEN(TYPED, 4)
TEN(TRACE, 5)
