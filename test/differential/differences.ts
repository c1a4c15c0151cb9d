// Where the embedded kernel and Linux are known to differ, each with its reason. Everything else is a failure.

export interface Difference {
  /** Path of the object below the repository's root. */
  readonly object: string
  /** Program name; absent: every program of the object. */
  readonly program?: string
  /** What differs: `load`, `info`, `fill`, `retval`, `data`, `ctx`, or `map NAME`. */
  readonly what: string
  readonly reason: string
  /** Seen in some runs only, as a clock or what ran before decides it. */
  readonly sometimes?: true
}

export const DIFFERENCES: readonly Difference[] = [
  {
    object: 'test/fixtures/helpers/hash.o',
    program: 'hash',
    what: 'retval',
    reason: "the flow hash is keyed with a random number of the kernel's start",
  },
  ...['map .data.A', 'map .data.C'].map((what) => ({
    object: 'test/fixtures/vm/objects.o',
    what,
    reason: 'list heads and tree roots in values read as addresses of kernel memory',
  })),
  {
    object: 'test/fixtures/events/streams.o',
    program: 'print_stream',
    what: 'load',
    reason: 'the embedded kernel has no streams of programs (bpf_stream_vprintk)',
  },
  {
    object: 'examples/syscall-events/events.o',
    program: 'on_syscall',
    what: 'map events',
    reason: 'the records hold the time, and pid and name of the process that runs the test',
  },
  ...['map latest', 'map counts', 'map events'].map((what) => ({
    object: 'bench/programs/fifty.o',
    what,
    reason: 'times, and pid and name of the process that runs the test',
    sometimes: true as const,
  })),
  {
    object: 'test/fixtures/vm/objects.o',
    program: 'per_cpu',
    what: 'map objects.bss',
    reason: 'Linux does not clear what bpf_percpu_obj_new() gives: the counts of an earlier run may show',
    sometimes: true,
  },
  {
    object: 'bench/programs/events.o',
    what: 'map ring',
    reason: 'the records hold the time',
  },
  {
    object: 'test/fixtures/vm/timer.o',
    what: 'map elements',
    reason:
      'timers fire when the clock says so: how many have fired by the end of a run differs from run to run on Linux too',
  },
  {
    object: 'test/fixtures/object/core.o',
    program: 'prog',
    what: 'retval',
    reason: 'the result is the pid of the process that runs the test; the embedded kernel has one task, init',
  },
  {
    object: 'test/fixtures/object/kconfig.o',
    what: 'map kconfig.kconfig',
    reason: 'LINUX_KERNEL_VERSION is the version of the kernel that the object is loaded into',
  },
]
