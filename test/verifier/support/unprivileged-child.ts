// Run by unprivileged.test.ts in a process without CAP_PERFMON: what Linux and our verifier say there, as JSON on stdout.

import { verifyProgramOf } from '#src/cli/verify/verify-program.js'
import { assemble, decodeInsns } from '#src/isa/index.js'
import { type Fd, type Kernel, KernelError, type ProgLoadRequest } from '#src/kernel/index.js'
import { linux } from '#src/linux/index.js'
import { HELPERS, PROG_TYPES } from '#src/spec/index.js'
import { type VerifyProgram, verify } from '#src/verifier/index.js'
import { linuxText, ourText } from '../../differential/support/xlated-text.js'
import { Random } from '../../support/random.js'
import { type CaseFile, parseCase, type Recorded } from '../cases/case-file.js'
import { askLinux, CaseProgram, recordedOf, tracedInFull } from '../cases/case-program.js'
import { readCases, vmlinuxBtf } from '../cases/compare.js'
import { Comparer, linesOf } from './compare.js'
import { Generator } from './generate.js'
import { MAPS, PROGRAMS } from './unprivileged-programs.js'

export type Agreement =
  | 'equal'
  | 'xlated'
  | 'not modelled'
  | 'false accept'
  | 'false refusal'
  | 'message'
  | 'insns'
  | 'log'

export interface Finding {
  readonly name: string
  readonly agreement: Agreement
  readonly linux: string
  readonly ours: string
  readonly accepted: boolean
}

const capabilities = { perfmon: false }
const vmlinux = vmlinuxBtf()

/** The session; what Linux made of the last program it took is kept. */
function watched(kernel: Kernel, took: (xlated: Uint8Array | undefined) => void): Kernel {
  const call = (name: string, request: unknown): unknown => {
    if (name === 'prog_load') took(undefined)
    const answer = kernel.call(name as never, request as never) as unknown
    if (name !== 'prog_load') return answer
    const info = kernel.call('obj_get_info_by_fd', { fd: (answer as { fd: Fd }).fd, details: true })
    took(info.kind === 'prog' ? info.xlatedProgInsns : undefined)
    return answer
  }
  return {
    ...{ name: kernel.name, release: kernel.release, possibleCpus: kernel.possibleCpus, call },
    ...{ vmlinuxBtf: () => kernel.vmlinuxBtf(), config: () => kernel.config(), [Symbol.dispose]() {} },
  } as unknown as Kernel
}

let taken: Uint8Array | undefined

/** The first instruction that Linux made something else of; undefined for none. */
function translation(program: VerifyProgram): { linux: string; ours: string } | undefined {
  // After a compare-and-exchange of 32 bits Linux clears the upper half of r0 where it is used: nothing here does, whatever the rights.
  if (taken === undefined || decodeInsns(taken).some(({ code, imm }) => code === 0xc3 && imm === 0xf1)) return undefined
  const { xlated } = verify(program, { logLevel: 0, xlated: true })
  const a = linuxText(taken)
  const b = xlated === undefined ? [] : ourText(xlated, (id) => vmlinux?.typeName(id) ?? `${id}`)
  const at = Array.from({ length: Math.max(a.length, b.length) }).findIndex((_, i) => a[i] !== b[i])
  const around = (lines: string[]) => `${at}: ${lines.slice(Math.max(0, at - 1), at + 8).join(' | ')}`
  return at < 0 ? undefined : { linux: around(a), ours: around(b) }
}

const said = ({ verdict, message }: Recorded): string => (message === '' ? verdict : `${verdict}: ${message}`)

function agreementOf(theirs: Recorded, ours: Recorded, unsupported: boolean): Agreement {
  const [a, b] = [theirs.verdict === 'accept', ours.verdict === 'accept']
  if (!b && unsupported) return 'not modelled'
  if (a !== b) return b ? 'false accept' : 'false refusal'
  // What was refused before verification has no log.
  if (theirs.stats === '') return theirs.verdict === ours.verdict ? 'equal' : 'message'
  if (said(theirs) !== said(ours)) return 'message'
  if (theirs.stats !== ours.stats) return 'insns'
  return theirs.log === ours.log ? 'equal' : 'log'
}

/** Undefined where the maps of the case cannot be made here. */
function judge(kernel: Kernel, name: string, of: CaseFile): Finding | undefined {
  let theirs: Recorded
  try {
    theirs = askLinux(kernel, of, vmlinux)
  } catch (error) {
    if (error instanceof KernelError) return undefined
    throw error
  }
  const program = { ...new CaseProgram(of, vmlinux).question(), capabilities }
  const result = verify(program, { logLevel: tracedInFull(theirs.stats) ? 2 : 4 })
  const ours = recordedOf(result.ok ? 'accept' : (result.errno ?? ''), '', result.log)
  const agreement = agreementOf(theirs, ours, result.diagnostics[0]?.unsupported === true)
  const other = agreement === 'equal' && result.ok ? translation(program) : undefined
  if (other !== undefined) return { name, agreement: 'xlated', ...other, accepted: true }
  const line = (one: Recorded) => `${said(one)} (${one.stats})`
  return { name, agreement, linux: line(theirs), ours: line(ours), accepted: theirs.verdict === 'accept' }
}

function generated(kernel: Kernel, seed: number, seconds: number): Finding[] {
  const comparer = new Comparer(kernel, { level: 2, most: 20_000, withoutPerfmon: true })
  const out: Finding[] = []
  const end = performance.now() + seconds * 1000
  for (let i = 0; performance.now() < end; i++) {
    const program = new Generator(new Random((seed * 7919 + i * 104_729) | 0), comparer.maps).program()
    if (program.type === 'kprobe') continue
    const { linux: theirs, ours, difference, line } = comparer.compare(program)
    if (difference === 'too long') continue
    const agreement =
      difference === 'unsupported' ? 'not modelled' : difference === 'processed' ? 'insns' : (difference as Agreement)
    const other = agreement === 'equal' && theirs.ok ? translation(comparer.program) : undefined
    if (other !== undefined) {
      out.push({
        name: `generated ${i} (seed ${seed}, ${program.type})`,
        agreement: 'xlated',
        ...other,
        accepted: true,
      })
      continue
    }
    out.push({
      ...{ name: `generated ${i} (seed ${seed}, ${program.type})`, agreement, accepted: theirs.ok },
      linux: linesOf(theirs.log)[line] ?? '',
      ours: linesOf(ours.log)[line] ?? '',
    })
  }
  return out
}

/** A call without arguments tells whether the type may call the helper. */
function helpers(kernel: Kernel): Finding[] {
  const out: Finding[] = []
  for (const [type, { id }] of Object.entries(PROG_TYPES)) {
    for (const helper of HELPERS) {
      const insns = assemble(`call ${helper.id}\nr0 = 0\nexit\n`)
      const refused = /cannot use helper/
      let log = ''
      let accepted = true
      const request: ProgLoadRequest = {
        ...{ progType: id, insns, license: 'GPL', logLevel: 1, logSize: 4096 },
        ...(type === 'sk_lookup' ? { expectedAttachType: 36 } : {}),
        ...(type === 'syscall' ? { progFlags: 16 } : {}),
      }
      try {
        const { fd } = kernel.call('prog_load', request)
        kernel.call('close', { fd })
      } catch (error) {
        if (!(error instanceof KernelError)) throw error
        accepted = false
        log = error.log ?? ''
      }
      if (!accepted && log === '') continue
      const asked = verifyProgramOf(request, { cpus: 2, map: () => undefined, btf: () => undefined, vmlinux })
      if (asked === undefined) throw new Error(`no program type ${type}`)
      const ours = verify({ ...asked, capabilities })
      const [a, b] = [!refused.test(log), !refused.test(ours.log)]
      const agreement: Agreement = a === b ? 'equal' : b ? 'false accept' : 'false refusal'
      out.push({ name: `${type} ${helper.name}`, agreement, linux: String(a), ours: String(b), accepted: a })
    }
  }
  return out
}

const [seed = 1, seconds = 5] = process.argv.slice(2).map(Number)
using session = linux()
const kernel = watched(session, (xlated) => {
  taken = xlated
})
const own = PROGRAMS.map(({ name, prog, asm }) => {
  const used = MAPS.filter((line) => new RegExp(`= ${line[0]} ll`).test(asm))
  const of = parseCase(`${name}\n-- prog\n${prog}\n-- maps\n${used.join('\n')}\n-- asm\n${asm}`)
  return judge(kernel, name, of)
})
const cases = [...readCases()].map(([name, of]) => judge(kernel, name, of))
const present = (list: readonly (Finding | undefined)[]): Finding[] => list.filter((each) => each !== undefined)
console.log(
  JSON.stringify({
    own: present(own),
    cases: present(cases),
    helpers: helpers(kernel),
    generated: generated(kernel, seed, seconds),
  }),
)
