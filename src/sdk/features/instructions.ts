import type { Kernel } from '../../kernel/index.js'
import { bpf_prog_type } from '../../spec/index.js'
import { type Availability, availability, tryLoad } from './attempt.js'

type Insn = readonly [code: number, regs: number, off: number, imm: number]
const EXIT: Insn = [0x95, 0, 0, 0]
const ZERO: Insn = [0xb7, 0, 0, 0]

/** Programs that only kernels of some age take, with the names bpftool gives them and more of ours. */
const SAMPLES = {
  large_insn_limit: () => [...Array<Insn>(4096).fill(ZERO), EXIT],
  // r0 = 10; r0 -= 1; if r0 != 0 goto -2; exit
  bounded_loops: () => [[0xb7, 0, 0, 10], [0x17, 0, 0, 1], [0x55, 0, -2, 0], EXIT],
  // v2: if r0 < 1 goto +1
  v2_isa_extension: () => [ZERO, [0xa5, 0, 1, 1], [0xb7, 0, 0, 1], EXIT],
  // v3: if w0 < 1 goto +1
  v3_isa_extension: () => [ZERO, [0xa6, 0, 1, 1], [0xb7, 0, 0, 1], EXIT],
  // v4: r0 = (s8)r0
  v4_isa_extension: () => [ZERO, [0xbf, 0x00, 8, 0], EXIT],
  // *(u64 *)(r10 - 8) = 0; r0 = 0; r0 = atomic_fetch_add(r10 - 8, r0); r0 = 0
  atomics: () => [[0x7a, 0x0a, -8, 0], ZERO, [0xdb, 0x0a, -8, 1], ZERO, EXIT],
  // *(u64 *)(r10 - 8) = 0; r0 = load_acquire(r10 - 8)
  load_acquire: () => [[0x7a, 0x0a, -8, 0], [0xdb, 0xa0, -8, 0x100], ZERO, EXIT],
  // r0 = 0; may_goto +0
  may_goto: () => [ZERO, [0xe5, 0, 0, 0], EXIT],
} as const satisfies Record<string, () => readonly Insn[]>

export type InstructionFeature = keyof typeof SAMPLES

/** Whether the verifier takes a group of instructions, or what older ones bounded. */
export function probeInstructions(kernel: Kernel, feature: InstructionFeature): Availability {
  const insns = encode(SAMPLES[feature]())
  return availability(tryLoad(kernel, { progType: bpf_prog_type.BPF_PROG_TYPE_SOCKET_FILTER, insns, license: 'GPL' }))
}

export function probeAllInstructions(kernel: Kernel): Record<InstructionFeature, Availability> {
  const names = Object.keys(SAMPLES) as InstructionFeature[]
  const answers = names.map((name) => [name, probeInstructions(kernel, name)] as const)
  return Object.fromEntries(answers) as Record<InstructionFeature, Availability>
}

function encode(insns: readonly Insn[]): Uint8Array {
  const bytes = new Uint8Array(insns.length * 8)
  const view = new DataView(bytes.buffer)
  for (const [slot, [code, regs, off, imm]] of insns.entries()) {
    view.setUint8(slot * 8, code)
    view.setUint8(slot * 8 + 1, regs)
    view.setInt16(slot * 8 + 2, off, true)
    view.setInt32(slot * 8 + 4, imm, true)
  }
  return bytes
}
