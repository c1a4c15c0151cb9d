import { ERRNO, fromHalves } from '../../base/index.js'
import type { Machine } from '../machine.js'
import { writeComm } from '../task.js'
import type { HelperFamily } from './family.js'
import { long } from './time.js'

/** Who runs: the machine's current task and its cgroups. */
export const taskHelpers = {
  get_current_pid_tgid: (machine) => pair(machine, machine.task.pid, machine.task.tgid),
  get_current_uid_gid: (machine) => pair(machine, machine.task.uid, machine.task.gid),
  get_current_comm: (machine, buf, size) => {
    if (size >>> 0 > 0) writeComm(machine, buf >>> 0, size >>> 0)
    return 0
  },
  get_current_task: (machine) => long(machine, BigInt(machine.taskStruct())),
  get_current_task_btf: (machine) => machine.taskStruct() | 0,
  get_current_cgroup_id: (machine) => long(machine, machine.task.cgroupIds.at(-1) ?? 0n),
  get_current_ancestor_cgroup_id: (machine, level) => long(machine, machine.task.cgroupIds[level] ?? 0n),
  current_task_under_cgroup: (machine, handle, index) => {
    const map = machine.mapOf(handle)
    if (map === undefined || index >>> 0 >= map.maxEntries) return -ERRNO.E2BIG
    const slot = map.elementAt?.(index >>> 0) ?? 0
    const cgroup = slot === 0 ? undefined : machine.target(machine.memory.u32[slot >>> 2]!)
    if (cgroup === undefined || !('cgroupId' in cgroup)) return -ERRNO.EAGAIN
    return machine.task.cgroupIds.includes(cgroup.cgroupId) ? 1 : 0
  },
  get_ns_current_pid_tgid: (machine, dev, devHi, ino, inoHi, buf, size) => {
    const to = buf >>> 0
    const namespace = machine.task.pidNamespace
    const known = size === 8 && namespace?.dev === fromHalves(dev, devHi) && namespace.ino === fromHalves(ino, inoHi)
    if (!known) {
      machine.memory.u8.fill(0, to, to + (size >>> 0))
      return -ERRNO.EINVAL
    }
    machine.memory.u32[to >>> 2] = namespace.pid
    machine.memory.u32[(to >>> 2) + 1] = namespace.tgid
    return 0
  },
} satisfies HelperFamily

/** Two 32-bit numbers as one of 64 bits. */
function pair(machine: Machine, lo: number, hi: number): number {
  machine.r0hi = hi | 0
  return lo | 0
}
