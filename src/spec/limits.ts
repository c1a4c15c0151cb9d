// Numbers that bound programs, maps and their use; Linux 6.18's names where it has them.

export const LIMITS = {
  /** Tail calls in one run. */
  MAX_TAIL_CALL_CNT: 33,
  /** Nested BPF-to-BPF calls, the main program included. */
  MAX_CALL_FRAMES: 8,
  /** Bytes of stack, of one frame and of all nested frames together. */
  MAX_BPF_STACK: 512,
  /** Bytes of stack a frame may use when functions below it tail-call. */
  MAX_TAIL_CALL_STACK: 256,
  /** Arguments of a helper, kfunc or subprogram. */
  MAX_BPF_FUNC_REG_ARGS: 5,
  /** Arguments of a traced kernel function. */
  MAX_BPF_FUNC_ARGS: 12,
  /** Maps of one program. */
  MAX_USED_MAPS: 64,
  /** BTF objects of one program. */
  MAX_USED_BTFS: 64,
  /** Subprograms of one program, the main one included. */
  BPF_MAX_SUBPROGS: 256,
  /** Different kfuncs of one program. */
  MAX_KFUNC_DESCS: 256,
  /** Instructions of a program loaded without CAP_BPF. */
  BPF_MAXINSNS: 4096,
  /** Instructions the verifier looks at, and of a program loaded with CAP_BPF. */
  BPF_COMPLEXITY_LIMIT_INSNS: 1_000_000,
  /** Branches the verifier keeps for later. */
  BPF_COMPLEXITY_LIMIT_JMP_SEQ: 8192,
  /** Offsets beyond this magnitude are refused in pointer arithmetic. */
  BPF_MAX_VAR_OFF: 1 << 29,
  /** Sizes from this on are refused as arguments of helpers. */
  BPF_MAX_VAR_SIZ: 1 << 29,
  /** Smallest and largest log buffer of BPF_PROG_LOAD and BPF_BTF_LOAD. */
  LOG_SIZE_MIN: 128,
  LOG_SIZE_MAX: 0x3fff_ffff,
  /** Largest BTF of a program or map. */
  BTF_MAX_SIZE: 16 << 20,
  /** Programs attached to one hook of a cgroup. */
  BPF_CGROUP_MAX_PROGS: 64,
  /** Programs at one tcx or netkit hook. */
  BPF_MPROG_MAX: 64,
  /** Programs at one trampoline (fentry, fexit, fmod_ret). */
  BPF_MAX_TRAMP_LINKS: 38,
  /** Largest record of a ring buffer. */
  RINGBUF_MAX_RECORD_SZ: 0x3fff_ffff,
  /** Values of trace_printk and of snprintf, seq_printf and trace_vprintk. */
  MAX_TRACE_PRINTK_VARARGS: 3,
  MAX_BPRINTF_VARARGS: 12,
  /** Bytes of one formatted line. */
  MAX_BPRINTF_BUF: 1024,
  /** Bytes from a packet's buffer start to its data when a driver hands it to XDP. */
  XDP_PACKET_HEADROOM: 256,
  /** Bytes at the start of the headroom that belong to the frame's own header: neither data nor metadata may reach them. */
  XDP_FRAME_SIZE: 40,
  /** Bytes of XDP metadata, where the headroom has as many; a multiple of 4. */
  XDP_METADATA_MAX: 252,
  /** Smallest packet of BPF_PROG_TEST_RUN. */
  ETH_HLEN: 14,
  /** Bytes of the context of a SYSCALL program. */
  SYSCALL_CTX_MAX: 0xffff,
  /** Bytes of a tracepoint's record. */
  PERF_MAX_TRACE_SIZE: 8192,
  /** Deepest kernel stack of get_stack and get_stackid (sysctl kernel.perf_event_max_stack). */
  PERF_MAX_STACK_DEPTH: 127,
} as const
