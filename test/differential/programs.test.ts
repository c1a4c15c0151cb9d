// Every packet program of every fixture and example on both kernels and on each engine: the same packets, the same results.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { after, before, test } from 'node:test'
import { FormatError } from '#src/base/index.js'
import { type EmbeddedKernel, embedded } from '#src/embedded/index.js'
import type { Kernel } from '#src/kernel/index.js'
import { type ObjectSpec, openObject } from '#src/object/index.js'
import { linuxUnavailable, openLinux } from '../support/kernels.js'
import { pinToFirstCpu } from '../support/map-programs.js'
import { root } from '../support/paths.js'
import { DIFFERENCES, type Difference } from './differences.js'
import { type Case, type Observation, observe, type Target, targetOf } from './support/observe.js'
import { builtPackets, capturedPackets, type NamedPacket, randomPackets } from './support/packets.js'

const skip = linuxUnavailable()
const long = process.env['SKEP_LONG'] === '1'

const XDP = 'xdp'
const SKB: ReadonlySet<string> = new Set([
  'sched_cls',
  'sched_act',
  'socket_filter',
  'cgroup_skb',
  'lwt_in',
  'lwt_out',
  'lwt_xmit',
  'lwt_seg6local',
])
const CONTEXT: ReadonlySet<string> = new Set(['raw_tracepoint', 'syscall'])

/** Test runs for a program of this type; none for types that only their events run. */
function casesFor(type: string, packets: readonly NamedPacket[]): Case[] {
  if (CONTEXT.has(type)) {
    return [0, 8, 16, 40, 96, 97].map((size) => ({
      name: `context of ${size} bytes`,
      run: { ctxIn: Uint8Array.from({ length: size }, (_, i) => (i * 37) & 0xff) },
    }))
  }
  if (type !== XDP && type !== 'flow_dissector' && !SKB.has(type)) return []
  const cases: Case[] = []
  for (const [index, { name, bytes }] of packets.entries()) {
    cases.push({ name, run: { dataIn: bytes } })
    if (type === XDP && index % 4 === 0) {
      cases.push({ name: `${name}, with context`, run: { dataIn: bytes, ctxIn: xdpContext(bytes, index) } })
    }
    if (SKB.has(type) && index % 4 === 0) {
      cases.push({ name: `${name}, with context`, run: { dataIn: bytes, ctxIn: skbContext(index) } })
    }
  }
  return cases
}

/** struct xdp_md: metadata at the front of some packets. */
function xdpContext(bytes: Uint8Array, index: number): Uint8Array {
  const meta = [0, 4, 8, 32, 3, 256][(index / 4) % 6] as number
  return new Uint8Array(Uint32Array.of(meta, bytes.length, 0, index % 8 === 0 ? 1 : 0, 0, 0).buffer)
}

/** struct __sk_buff with mark, priority, ifindex, cb and tstamp. */
function skbContext(index: number): Uint8Array {
  const bytes = new Uint8Array(192)
  const view = new DataView(bytes.buffer)
  view.setUint32(8, 0x1000 + index, true)
  view.setUint32(32, index % 16, true)
  view.setUint32(40, 1, true)
  for (let word = 0; word < 5; word++) view.setUint32(48 + word * 4, index * word, true)
  view.setBigUint64(152, BigInt(index) << 32n, true)
  return bytes
}

// What is there for the verifier reads what only a running kernel holds, and shows its addresses.
const VERIFIER_ONLY = join('verifier', '')

const objects = ['test/fixtures', 'examples', 'bench/programs'].flatMap((dir) =>
  readdirSync(join(root, dir), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.o') && !name.startsWith(VERIFIER_ONLY))
    .sort()
    .map((name) => join(root, dir, name)),
)

function open(path: string): ObjectSpec | undefined {
  try {
    return openObject(readFileSync(path), { file: path })
  } catch (error) {
    if (error instanceof FormatError || (error as Error).name === 'ObjectError') return undefined
    throw error
  }
}

const ENGINES = ['jit', 'jit with blinded constants', 'interpreter'] as const

function openEngine(name: (typeof ENGINES)[number]): EmbeddedKernel {
  const kernel = embedded({ cpus: linux.possibleCpus, engine: name === 'interpreter' ? name : 'jit' })
  if (name === 'jit with blinded constants') {
    kernel.call('sysctl_write', { name: 'net.core.bpf_jit_harden', value: '2' })
  }
  return kernel
}

const counts = { programs: 0, runs: 0, refused: 0, maps: 0, neither: 0 }
const seen = new Set<Difference>()
let linux: Kernel
let target: Target
let packets: readonly NamedPacket[] = []

/** Notes a difference; true when it is declared. */
function declared(object: string, program: string, what: string): boolean {
  const found = DIFFERENCES.find(
    (known) =>
      known.object === object && (known.program === undefined || known.program === program) && known.what === what,
  )
  if (found !== undefined) seen.add(found)
  return found !== undefined
}

function compareProgram(path: string, name: string, type: string): void {
  const object = relative(root, path)
  const cases = casesFor(type, packets)
  if (cases.length === 0) return
  const options = { target, packets, cases }
  const expected = observe(path, name, linux, options)
  const failures: string[] = []
  for (const engine of ENGINES) {
    using kernel = openEngine(engine)
    const got = observe(path, name, kernel, options)
    compare(got, expected, cases, (what, where, ours, theirs) => {
      if (declared(object, name, what) || failures.length >= 5) return
      failures.push(`${engine}: ${what}, ${where}:\n  embedded ${show(ours)}\n  linux    ${show(theirs)}`)
    })
  }
  assert.equal(failures.length, 0, `differences\n${failures.join('\n')}`)
  if (expected.error !== undefined) {
    counts.neither++
    return
  }
  counts.programs++
  counts.runs += expected.runs.length
  counts.refused += expected.runs.filter(({ retval }) => retval.startsWith('E')).length
  counts.maps += expected.maps.size
}

type Note = (what: string, where: string, ours: unknown, theirs: unknown) => void

function compare(ours: Observation, theirs: Observation, cases: readonly Case[], note: Note): void {
  if ((ours.error === undefined) !== (theirs.error === undefined)) {
    note('load', 'loading', ours.error ?? 'loaded', theirs.error ?? 'loaded')
    return
  }
  for (const [field, value] of theirs.info)
    if (ours.info.get(field) !== value) note('info', field, ours.info.get(field), value)
  if (ours.fill.join() !== theirs.fill.join()) note('fill', 'filling the maps', ours.fill, theirs.fill)
  for (const [i, run] of theirs.runs.entries()) {
    for (const what of ['retval', 'data', 'ctx'] as const) {
      if (ours.runs[i]?.[what] !== run[what]) note(what, cases[i]?.name ?? '', ours.runs[i]?.[what], run[what])
    }
  }
  for (const [map, entries] of theirs.maps) {
    if (ours.maps.get(map)?.join() !== entries.join()) note(`map ${map}`, 'at the end', ours.maps.get(map), entries)
  }
}

function show(value: unknown): string {
  const text = Array.isArray(value) ? JSON.stringify(value) : String(value)
  return text.length > 600 ? `${text.slice(0, 600)}… (${text.length})` : text
}

before(() => {
  if (skip !== false) return
  pinToFirstCpu()
  linux = openLinux()
  target = targetOf(linux)
  packets = [...builtPackets(), ...capturedPackets(long ? 2 : 30), ...randomPackets(long ? 3000 : 30)]
})

for (const path of objects) {
  const spec = open(path)
  if (spec === undefined) continue
  test(relative(root, path), { skip }, async (t) => {
    for (const program of spec.programs) {
      if (program.type === 'unspec') continue
      await t.test(`${program.name} (${program.type})`, () => compareProgram(path, program.name, program.type))
    }
  })
}

after(() => {
  if (skip !== false) return
  linux[Symbol.dispose]()
  console.log(
    `${counts.programs} programs, ${counts.runs} runs (${counts.refused} refused alike), ${counts.maps} maps compared on ` +
      `${ENGINES.join(' and ')}; ` +
      `${counts.neither} programs load on neither kernel; ${seen.size} declared differences seen`,
  )
  const stale = DIFFERENCES.filter((known) => known.sometimes !== true && !seen.has(known))
  assert.deepEqual(stale, [], 'declared differences that are none')
})
