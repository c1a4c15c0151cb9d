// Verification time against Linux's own: `node build/bench/verifier.js [ROUNDS] [FILE|DIRECTORY ...]`, the test fixtures by
// default. BPF_PROG_LOAD at log level 0 (which does more than verify: it copies, compiles and allocates) and verify() take turns
// within each round; printed are the medians of CPU time by program for the slowest, and the totals.

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseBtf } from '#src/btf/index.js'
import { noteTaker } from '#src/cli/verify/note-taker.js'
import { type Kernel, KernelError, type ProgLoadRequest } from '#src/kernel/index.js'
import { linux } from '#src/linux/index.js'
import { openObject } from '#src/object/index.js'
import { loadCollection } from '#src/sdk/index.js'
import { type VerifyProgram, verify } from '#src/verifier/index.js'

interface Measured {
  readonly name: string
  readonly slots: number
  readonly insns: number
  readonly linux: number
  readonly ours: number
  readonly ok: boolean
}

function objectsIn(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path]
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.o'))
    .sort()
    .map((name) => join(path, name))
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] ?? 0

const [first, ...rest] = process.argv.slice(2)
const rounds = first === undefined ? 5 : Number(first)
const files = (rest.length === 0 ? ['test/fixtures'] : rest).flatMap(objectsIn)
const kernel = linux()
const vmlinux = kernel.vmlinuxBtf()
const kernelBtf = vmlinux === undefined ? undefined : parseBtf(vmlinux)
const measured: Measured[] = []
let name = ''
let unsupported = 0

/** CPU time of the process in ms, so that what else runs on the machine does not count; V8's helper threads do. */
function time(work: () => void): number {
  const start = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(start)
  return (user + system) / 1000
}

function measure(request: ProgLoadRequest, program: VerifyProgram | undefined): unknown {
  if (program === undefined) throw new Error('no such program type')
  const theirs: number[] = []
  const ours: number[] = []
  let accepted = false
  let verdict = verify(program, { logLevel: 0 })
  if (verdict.diagnostics[0]?.unsupported === true) {
    unsupported++
    throw new Error('not modelled')
  }
  for (let round = 0; round < rounds; round++) {
    let fd: number | undefined
    theirs.push(
      time(() => {
        try {
          fd = kernel.call('prog_load', { ...request, logLevel: 0 }).fd
        } catch (error) {
          if (!(error instanceof KernelError)) throw error
        }
      }),
    )
    accepted = fd !== undefined
    if (fd !== undefined) kernel.call('close', { fd: fd as never })
    ours.push(
      time(() => {
        verdict = verify(program, { logLevel: 0 })
      }),
    )
  }
  measured.push({
    ...{ name, slots: request.insns.length / 8, insns: verdict.stats.insnsProcessed, ok: accepted },
    ...{ linux: median(theirs), ours: median(ours) },
  })
  // Not loaded for good: what comes after it is measured all the same.
  throw new Error('measured')
}

for (const file of files) {
  const bytes = new Uint8Array(readFileSync(file))
  let programs: readonly { readonly name: string }[]
  try {
    programs = openObject(bytes, { file }).programs
  } catch {
    continue
  }
  for (const program of programs) {
    name = `${file.slice(file.lastIndexOf('/') + 1)}:${program.name}`
    const taker = noteTaker(kernel, measure, () => kernelBtf) as Kernel
    try {
      loadCollection(openObject(bytes, { file }), {
        ...{ kernel: taker, programs: [program.name], pinPath: '/nonexistent', tcPinPath: '/nonexistent' },
      }).close()
    } catch {
      // Refused, measured or impossible here.
    }
  }
}
kernel[Symbol.dispose]()

const total = (of: (each: Measured) => number) => measured.reduce((sum, each) => sum + of(each), 0)
const row = (each: Measured) =>
  `${each.name.padEnd(56)} ${String(each.slots).padStart(6)} ${String(each.insns).padStart(8)} ` +
  `${each.linux.toFixed(2).padStart(9)} ${each.ours.toFixed(2).padStart(9)} ${(each.ours / each.linux).toFixed(2).padStart(6)}`
console.log(`${'program'.padEnd(56)}  slots    insns  Linux ms   ours ms  ratio`)
for (const each of [...measured].sort((a, b) => b.ours - a.ours).slice(0, 25)) console.log(row(each))
const ratios = measured.map(({ linux: theirs, ours }) => ours / theirs)
console.log(
  `${measured.length} programs (${unsupported} not modelled left out), ${total(({ insns }) => insns)} instructions processed: ` +
    `Linux ${total((each) => each.linux).toFixed(0)} ms, ours ${total((each) => each.ours).toFixed(0)} ms, ` +
    `total ratio ${(total((each) => each.ours) / total((each) => each.linux)).toFixed(2)}, median ${median(ratios).toFixed(2)}`,
)
console.log(`largest heap ${Math.round(process.memoryUsage().heapTotal / 2 ** 20)} MB`)
