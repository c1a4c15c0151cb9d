import { encodeText } from '../base/index.js'
import type { Machine } from './machine.js'
import type { Addr } from './types.js'

/** The task that programs find themselves running in. A host changes it between runs. */
export interface CurrentTask {
  pid: number
  tgid: number
  uid: number
  gid: number
  /** At most 15 bytes. */
  comm: string
  /** Cgroups from the root (level 0) to the task's own. */
  cgroupIds: readonly bigint[]
  /** Device and inode of the task's pid namespace, and the ids it has there. */
  pidNamespace: { readonly dev: bigint; readonly ino: bigint; readonly pid: number; readonly tgid: number } | undefined
  /** Return addresses, innermost first, for stack helpers. Empty: there is no stack to walk. */
  kernelStack: readonly bigint[]
  userStack: readonly bigint[]
}

/** How the running program was attached: what tracing and cgroup helpers tell it. */
export interface Attachment {
  /** bpf_get_attach_cookie */
  cookie: bigint
  /** bpf_get_func_ip */
  funcIp: bigint
  /** Arguments of the traced function, which stand as u64 at the context; the result follows them. */
  argCount: number
  /** bpf_get_retval, bpf_set_retval */
  retval: number
}

/** An idle machine's first process. */
export function initTask(): CurrentTask {
  return {
    pid: 1,
    tgid: 1,
    uid: 0,
    gid: 0,
    comm: 'init',
    cgroupIds: [1n],
    pidNamespace: undefined,
    kernelStack: [],
    userStack: [],
  }
}

export function noAttachment(): Attachment {
  return { cookie: 0n, funcIp: 0n, argCount: 0, retval: 0 }
}

/** Bytes set aside for the current task's struct: enough for any kernel's, of which the host may fill in fields. */
export const TASK_STRUCT_SIZE = 16384

/** comm as it stands in a buffer of `size` bytes: cut, ended and padded with NULs. */
export function writeComm(machine: Machine, to: Addr, size: number): void {
  const bytes = encodeText(machine.task.comm).subarray(0, Math.min(15, size - 1))
  machine.memory.u8.fill(0, to, to + size)
  machine.memory.u8.set(bytes, to)
}
