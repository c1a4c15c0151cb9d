import { execFileSync } from 'node:child_process'
import { type Fd, type Kernel, KernelError } from '#src/kernel/index.js'
import type { MapKernel } from './map-kernel.js'

/** What a program can do with one element of a map whose keys and values have 4 bytes. */
export type ProgramAction = 'lookup' | 'update' | 'delete'

/** Acts on a map as a program does; the result is r0 (for a look-up the value, 0 if absent). */
export type ProgramSide = (action: ProgramAction, key: number, value: number, flags: number) => number

const HELPER = { lookup: 1, update: 2, delete: 3 } as const
const XDP = 6

function insn(code: number, dst: number, src: number, off: number, imm: number): number[] {
  return [
    code,
    (src << 4) | dst,
    off & 0xff,
    (off >> 8) & 0xff,
    imm & 0xff,
    (imm >> 8) & 0xff,
    (imm >> 16) & 0xff,
    imm >>> 24,
  ]
}

/** An XDP program that takes key, value and flags from the packet's first 12 bytes and calls one helper on the map. */
function program(mapFd: Fd, action: ProgramAction): Uint8Array {
  const body = [
    ...insn(0x61, 5, 2, 0, 0),
    ...insn(0x63, 10, 5, -4, 0),
    ...insn(0x61, 5, 2, 4, 0),
    ...insn(0x63, 10, 5, -8, 0),
    ...insn(0x61, 4, 2, 8, 0),
    ...insn(0xbf, 2, 10, 0, 0),
    ...insn(0x07, 2, 0, 0, -4),
    ...insn(0xbf, 3, 10, 0, 0),
    ...insn(0x07, 3, 0, 0, -8),
    ...insn(0x18, 1, 1, 0, mapFd),
    ...insn(0, 0, 0, 0, 0),
    ...insn(0x85, 0, 0, 0, HELPER[action]),
    ...(action === 'lookup' ? [...insn(0x15, 0, 0, 1, 0), ...insn(0x61, 0, 0, 0, 0)] : []),
  ]
  const head = [
    ...insn(0x61, 2, 1, 0, 0),
    ...insn(0x61, 3, 1, 4, 0),
    ...insn(0xb7, 0, 0, 0, 0),
    ...insn(0xbf, 4, 2, 0, 0),
    ...insn(0x07, 4, 0, 0, 14),
    ...insn(0x2d, 4, 3, body.length / 8, 0),
  ]
  return Uint8Array.from([...head, ...body, ...insn(0x95, 0, 0, 0, 0)])
}

/** The map as programs on Linux reach it. Actions that the verifier refuses for the type give -1. */
export function linuxPrograms(kernel: Kernel, mapFd: Fd): ProgramSide {
  const loaded = new Map<ProgramAction, Fd | undefined>()
  const packet = new Uint8Array(64)
  const view = new DataView(packet.buffer)
  const load = (action: ProgramAction): Fd | undefined => {
    try {
      return kernel.call('prog_load', { progType: XDP, insns: program(mapFd, action), license: 'GPL' }).fd
    } catch (error) {
      if (error instanceof KernelError) return undefined
      throw error
    }
  }
  return (action, key, value, flags) => {
    if (!loaded.has(action)) loaded.set(action, load(action))
    const progFd = loaded.get(action)
    if (progFd === undefined) return -1
    view.setUint32(0, key, true)
    view.setUint32(4, value, true)
    view.setUint32(8, flags, true)
    return kernel.call('prog_test_run', { progFd, dataIn: packet, dataSizeOut: 0 }).retval
  }
}

/** The map as programs of the embedded machine reach it. */
export function machinePrograms(kernel: MapKernel, mapFd: Fd): ProgramSide {
  const map = kernel.mapOf(mapFd)
  const { memory } = kernel.machine
  const valueAt = memory.alloc(16)
  const keyAt = valueAt + 4
  return (action, key, value, flags) => {
    memory.u32[keyAt >>> 2] = key
    memory.u32[valueAt >>> 2] = value
    if (action === 'update') return map.update(keyAt, valueAt, flags) >>> 0
    if (action === 'delete') return map.delete(keyAt) >>> 0
    const found = map.lookup(keyAt)
    return found === 0 ? 0 : (memory.u32[found >>> 2] as number)
  }
}

/** Keeps this process on CPU 0, as per-CPU lists and values depend on where calls run. False where that is not possible. */
export function pinToFirstCpu(): boolean {
  try {
    execFileSync('taskset', ['-p', '-c', '0', String(process.pid)], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
