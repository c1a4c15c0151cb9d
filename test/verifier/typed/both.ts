// One program, two verdicts: the running kernel's and ours, with the differences said.

import { readFileSync } from 'node:fs'
import { type Btf, parseBtf } from '#src/btf/index.js'
import { attachTypeName, bpf_prog_type, PROG_TYPES, type ProgType, type ProgTypeName } from '#src/spec/index.js'
import { type VerifyProgram, verify } from '#src/verifier/index.js'
import { closeFd, insns, progLoad } from '../../support/linux-bpf.js'

export type Code = readonly (readonly [code: number, regs: number, off: number, imm: number])[]

export interface Bound {
  readonly type: ProgTypeName
  /** expected_attach_type. */
  readonly attach?: number
  readonly btfId?: number
  readonly sleepable?: boolean
}

let known: Btf | undefined

export function vmlinux(): Btf {
  known ??= parseBtf(readFileSync('/sys/kernel/btf/vmlinux'))
  return known
}

/** Lines that tell times and addresses differ; the rest is compared. */
const comparable = (log: string): string[] =>
  log
    .trimEnd()
    .split('\n')
    .filter((line) => !/^(verification time|stack depth)/.test(line))
    .map((line) => line.replace(/\(18\) r(\d) = 0x[0-9a-f]+ */, '(18) r$1 = … '))

export interface Verdicts {
  readonly linux: boolean
  readonly ours: boolean
  /** The kernel refused before its verifier looked. */
  readonly silent: boolean
  /** Where the logs part; undefined where they are equal. */
  readonly difference: string | undefined
  readonly log: string
}

/** Both verdicts on a program, with logs at level 2. */
export function judge(code: Code, bound: Bound, more: Partial<VerifyProgram> = {}): Verdicts {
  const bytes = insns(...code)
  const row: ProgType = PROG_TYPES[bound.type]
  const { type, attach = 0, btfId = 0, sleepable = false } = bound
  const number = bpf_prog_type[`BPF_PROG_TYPE_${type.toUpperCase()}` as keyof typeof bpf_prog_type]
  const theirs = progLoad(number, bytes, {
    expected_attach_type: attach,
    attach_btf_id: btfId,
    prog_flags: sleepable ? 16 : 0,
    log_level: 2,
  })
  closeFd(theirs.fd)
  const ours = verify(
    {
      insns: bytes,
      type,
      attachType: attach === 0 ? (row.expectedAttachDefault ?? attachTypeName(0)) : attachTypeName(attach),
      expectedAttachType: attach,
      attachBtfId: btfId,
      sleepable,
      license: 'GPL',
      map: () => undefined,
      kernelBtf: vmlinux(),
      cpus: 2,
      ...more,
    },
    { logLevel: 2 },
  )
  const a = comparable(theirs.log)
  const b = comparable(ours.log)
  const at = a.findIndex((line, i) => line !== b[i])
  const where = at < 0 && a.length !== b.length ? a.length : at
  return {
    linux: theirs.fd >= 0,
    ours: ours.ok,
    silent: theirs.fd < 0 && theirs.log === '',
    difference: where < 0 ? undefined : `Linux '${a[where] ?? '(end)'}', ours '${b[where] ?? '(end)'}'`,
    log: ours.log,
  }
}

/** Loads by size: [bytes, size bits of the opcode]. */
export const SIZES = [
  [1, 0x10],
  [2, 0x08],
  [4, 0x00],
  [8, 0x18],
] as const

export const RETURN_0: Code = [
  [0xb7, 0, 0, 0],
  [0x95, 0, 0, 0],
]
