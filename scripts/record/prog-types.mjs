// Records how the running kernel lets each program type use its context and what it may return, into
// test/recorded/prog-types.json: an oracle for src/spec/prog-types. Needs root and a build (npm run build).
import { writeFileSync } from 'node:fs'
import { release } from 'node:os'
import { bpf, closeFd, insns, progLoad } from '../../build/test/support/linux-bpf.js'
import { foldAttachTypes, PROG_VARIANTS } from './prog-variants.mjs'

const LAST_OFFSET = 264
const LOAD = { 1: 0x71, 2: 0x69, 4: 0x61, 8: 0x79 }
const STORE = { 1: 0x73, 2: 0x6b, 4: 0x63, 8: 0x7b }
const EXIT = [0x95, 0, 0, 0]
const ZERO = [0xb7, 0, 0, 0]

// [0, 1, 2, 3, 8] as '0-3 8'.
function ranges(offsets, step) {
  const out = []
  for (const offset of offsets) {
    const last = out.at(-1)
    if (last && last[1] + step === offset) last[1] = offset
    else out.push([offset, offset])
  }
  return out.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(' ')
}

function accesses({ number, more }) {
  const answer = { read: {}, write: {}, kinds: {} }
  for (const size of [1, 2, 4, 8]) {
    const reads = []
    const writes = []
    for (let offset = 0; offset <= LAST_OFFSET; offset += size) {
      const read = progLoad(number, insns([LOAD[size], 0x10, offset, 0], ZERO, EXIT), { ...more, log_level: 2 })
      closeFd(read.fd)
      if (read.fd < 0 && !read.log.includes('0: R1=ctx')) return undefined
      const state = /^0: \(..\) r0 = .*; R0(?:_w)?=([a-z_]+)/m.exec(read.log)?.[1]
      if (state && !/invalid bpf_context access|invalid .*access off|dereference of|leads to invalid/.test(read.log)) {
        reads.push(offset)
        if (state !== 'scalar') answer.kinds[`${offset}:${size}`] = state
      }
      const write = progLoad(number, insns([0xb7, 0, 0, 0], [STORE[size], 0x01, offset, 0], ZERO, EXIT), {
        ...more,
        log_level: 2,
      })
      closeFd(write.fd)
      if (/^1: \(..\) \*\(u.. ?\*\)\(r1 \+\d+\) = r0/m.test(write.log) && /^2: /m.test(write.log)) writes.push(offset)
    }
    if (reads.length > 0) answer.read[size] = ranges(reads, size)
    if (writes.length > 0) answer.write[size] = ranges(writes, size)
  }
  return answer
}

// Returns a 64-bit unknown: the complaint tells the range; none means any value will do.
function returnRange({ number, more }) {
  const unknown = insns([0x85, 0, 0, 5], EXIT)
  const { fd, log } = progLoad(number, unknown, more)
  closeFd(fd)
  if (fd >= 0) return 'any'
  const range = /should have been in \[(-?\d+), (-?\d+)\]/.exec(log)
  return range ? `${range[1]}..${range[2]}` : log.trim().split('\n').at(-2)
}

// Which pointers into the packet the context holds, and what the program may do through them.
function packetRights({ number, more }, kinds) {
  const at = (kind) => Object.keys(kinds).find((place) => kinds[place] === kind)
  const [data, end] = [at('pkt'), at('pkt_end')]
  if (data === undefined || end === undefined) return 'none'
  const [dataOffset, size] = data.split(':').map(Number)
  const endOffset = Number(end.split(':')[0])
  const head = [
    [LOAD[size], 0x12, dataOffset, 0],
    [LOAD[size], 0x13, endOffset, 0],
    [0xbf, 0x24, 0, 0], // r4 = r2
    [0x07, 4, 0, 1], // r4 += 1
    [0x2d, 0x34, 1, 0], // if r4 > r3 goto +1
  ]
  const works = (insn) => {
    const { fd } = progLoad(number, insns(...head, insn, [0xb7, 0, 0, 1], EXIT), more)
    closeFd(fd)
    return fd >= 0
  }
  if (works([0x72, 2, 0, 0])) return 'write'
  return works([0x71, 0x25, 0, 0]) ? 'read' : 'none'
}

// Expected attach types a one-line program loads with.
function loadsWith({ number, more }) {
  const accepted = []
  for (let type = 0; type <= 60; type++) {
    const { fd } = progLoad(number, insns([0xb7, 0, 0, 1], EXIT), { ...more, expected_attach_type: type })
    closeFd(fd)
    if (fd >= 0) accepted.push(type)
  }
  return ranges(accepted, 1)
}

function loads({ number, more }, flags, license = 'GPL') {
  const code = insns([0xb7, 0, 0, 1], EXIT)
  const { fd } = progLoad(number, code, { ...more, prog_flags: (more.prog_flags ?? 0) | flags, license })
  closeFd(fd)
  return fd >= 0
}

// What BPF_PROG_TEST_RUN answers to 64 bytes of packet, to a context of 8 bytes, and to neither.
function testRun({ number, more }) {
  const { fd } = progLoad(number, insns([0xb7, 0, 0, 1], EXIT), more)
  const data = { data_in: new Uint8Array(64), data_size_in: 64 }
  const context = { ctx_in: new Uint8Array(8), ctx_size_in: 8 }
  const answer = [data, context, {}].map((input) => bpf('BPF_PROG_TEST_RUN', 'test', { prog_fd: fd, ...input }))
  closeFd(fd)
  return { data: answer[0], context: answer[1], nothing: answer[2] }
}

const answers = new Map()
for (const variant of PROG_VARIANTS) {
  const access = accesses(variant)
  if (!access) continue
  answers.set(variant.key, {
    returns: returnRange(variant),
    packet: packetRights(variant, access.kinds),
    sleepable: loads(variant, 16),
    frags: loads(variant, 32),
    anyLicense: loads(variant, 0, 'Proprietary'),
    loadsWith: loadsWith(variant),
    testRun: testRun(variant),
    ...access,
  })
}
foldAttachTypes(answers)
const kernel = /^\d+\.\d+(\.\d+)?/.exec(release())?.[0] ?? release()
const rows = [...answers].map(([key, answer]) => `    "${key}": ${JSON.stringify(answer)}`).join(',\n')
writeFileSync(
  new URL('../../test/recorded/prog-types.json', import.meta.url),
  `{\n  "kernel": "${kernel}",\n  "types": {\n${rows}\n  }\n}\n`,
)
console.log(`${answers.size} rows`)
