// Tries objects that others made: how many open, load on each kernel and run alike, and what stops the rest.
//   node scripts/trial.mjs DIR|FILE... [--linux] [--programs] [--top N] [--json FILE]
// With --linux every program is also loaded and run by the running kernel: then start it in a network namespace of its
// own, because helpers like bpf_clone_redirect() really send (unshare -n sh -c 'ip link set lo up; node scripts/trial.mjs …').
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { toHex } from '../dist/base/index.js'
import { parseBtf } from '../dist/btf/index.js'
import { embedded } from '../dist/embedded/index.js'
import { linux } from '../dist/linux/index.js'
import { buildPacket } from '../dist/packet/index.js'
import { loadCollection, openObject } from '../dist/sdk/index.js'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    linux: { type: 'boolean', default: false },
    programs: { type: 'boolean', default: false },
    top: { type: 'string', default: '25' },
    json: { type: 'string' },
  },
})
if (positionals.length === 0) {
  console.error('usage: trial.mjs DIR|FILE... [--linux] [--programs] [--top N] [--json FILE]')
  process.exit(2)
}

function objectsBelow(path) {
  if (!statSync(path).isDirectory()) return [path]
  return readdirSync(path, { recursive: true })
    .filter((name) => name.endsWith('.o'))
    .sort()
    .map((name) => join(path, name))
}

const ethernet = { kind: 'ethernet', destination: '02:00:00:00:00:01', source: '02:00:00:00:00:02' }
const ip4 = { kind: 'ipv4', source: '192.0.2.7', destination: '198.51.100.9' }
const ip6 = { kind: 'ipv6', source: '2001:db8::7', destination: '2001:db8:1::9' }
const text = { kind: 'payload', data: 'the quick brown fox jumps over the lazy dog' }
const PACKETS = [
  [ethernet, ip4, { kind: 'tcp', sourcePort: 40000, destinationPort: 80, flags: 'S' }, text],
  [ethernet, ip4, { kind: 'udp', sourcePort: 5000, destinationPort: 53 }, text],
  [ethernet, ip4, { kind: 'icmp', type: 8 }, text],
  [ethernet, ip6, { kind: 'tcp', sourcePort: 40000, destinationPort: 443, flags: 'A' }, text],
  [ethernet, ip6, { kind: 'icmpv6', type: 128 }, text],
  [ethernet, { kind: 'vlan', id: 5 }, ip4, { kind: 'udp', sourcePort: 1, destinationPort: 2 }, text],
  [ethernet, { kind: 'arp', operation: 1, senderIp: '192.0.2.7', targetIp: '192.0.2.1' }, text],
].map(buildPacket)
const PACKET_TYPES = new Set([
  ...['xdp', 'sched_cls', 'sched_act', 'socket_filter', 'cgroup_skb', 'flow_dissector'],
  ...['lwt_in', 'lwt_out', 'lwt_xmit', 'lwt_seg6local'],
])

const count = () => new Map()
const add = (map, key) => map.set(key, (map.get(key) ?? 0) + 1)
/** One line of an error, without the names and numbers that make every case its own. */
function reasonOf(error) {
  const kernel = error.cause?.hint ?? error.hint
  const message = error.reason ?? error.message
  return `${error.name}: ${error.code ?? ''} ${message.split('\n')[0]}${kernel === undefined ? '' : ` (${kernel})`}`
    .replaceAll(/'[^']*'/g, "'…'")
    .replaceAll(/"[^"]*"/g, '"…"')
    .replaceAll(/\/[\w./-]+\.o/g, 'FILE')
    .replaceAll(/(instruction|insn|R\d_w|off|ip|size)=?\s?-?\d+/g, '$1 N')
    .slice(0, 200)
}

const target = values.linux ? linux() : undefined
const targetBytes = (target ?? tryLinux())?.vmlinuxBtf()
const targetBtf = targetBytes === undefined ? undefined : parseBtf(targetBytes)
function tryLinux() {
  try {
    return linux()
  } catch {
    return undefined
  }
}

const totals = {
  files: 0,
  opened: 0,
  programs: 0,
  embedded: 0,
  linux: 0,
  both: 0,
  falseRefusal: 0,
  compared: 0,
  equal: 0,
}
const openReasons = count()
const refusals = count()
const onlyEmbedded = count()
const byType = new Map()
const different = []
const details = []

function load(spec, program, kernel) {
  try {
    return loadCollection(spec, { kernel, programs: [program], ...(targetBtf === undefined ? {} : { targetBtf }) })
  } catch (error) {
    return error
  }
}

function runs(collection, name) {
  return PACKETS.map((dataIn) => {
    try {
      const { retval, dataOut } = collection.program(name).testRun({ dataIn })
      return `${retval} ${toHex(dataOut)}`
    } catch (error) {
      return error.name === 'KernelError' ? error.code : `${error.name}: ${error.message}`
    }
  })
}

const open = (path) => {
  const spec = openObject(readFileSync(path), { file: path })
  for (const map of spec.maps) map.pinning = 'none'
  return spec
}

for (const path of positionals.flatMap(objectsBelow)) {
  totals.files++
  let spec
  try {
    spec = open(path)
  } catch (error) {
    add(openReasons, reasonOf(error))
    if (error.name !== 'ObjectError' && error.name !== 'FormatError') console.error(path, error)
    continue
  }
  totals.opened++
  for (const program of spec.programs) {
    totals.programs++
    const type = byType.get(program.type) ?? { programs: 0, embedded: 0, linux: 0 }
    byType.set(program.type, type)
    type.programs++
    const kernel = embedded({ cpus: target?.possibleCpus ?? 2 })
    const ours = load(open(path), program.name, kernel)
    const theirs = target === undefined ? undefined : load(open(path), program.name, target)
    const weLoad = !(ours instanceof Error)
    const theyLoad = theirs !== undefined && !(theirs instanceof Error)
    for (const part of [totals, type]) {
      if (weLoad) part.embedded++
      if (theyLoad) part.linux++
    }
    if (weLoad && theyLoad) totals.both++
    if (!weLoad && (theyLoad || target === undefined)) {
      totals.falseRefusal++
      add(refusals, reasonOf(ours))
      if (values.programs) console.log(`${path} ${program.name} (${program.type}): ${reasonOf(ours)}`)
    }
    if (weLoad && theirs instanceof Error) add(onlyEmbedded, reasonOf(theirs))
    if (!weLoad && !['ObjectError', 'FormatError', 'UsageError', 'KernelError', 'VerifierError'].includes(ours.name)) {
      console.error(`${path} ${program.name}: foreign exception`, ours)
    }
    if (weLoad && (theyLoad || target === undefined) && PACKET_TYPES.has(program.type)) {
      const mine = runs(ours, program.name)
      if (theyLoad) {
        totals.compared++
        const other = runs(theirs, program.name)
        if (mine.join('\n') === other.join('\n')) totals.equal++
        else {
          const at = mine.findIndex((result, i) => result !== other[i])
          different.push({
            path,
            program: program.name,
            type: program.type,
            packet: at,
            embedded: mine[at],
            linux: other[at],
          })
        }
      }
    }
    details.push({
      path,
      program: program.name,
      type: program.type,
      embedded: weLoad || reasonOf(ours),
      linux: theyLoad || (theirs && reasonOf(theirs)),
    })
    if (weLoad) ours.close()
    kernel[Symbol.dispose]()
    if (theyLoad) theirs.close()
  }
}

function table(title, map) {
  if (map.size === 0) return
  console.log(`\n${title}`)
  for (const [reason, n] of [...map].sort((a, b) => b[1] - a[1]).slice(0, Number(values.top)))
    console.log(`${String(n).padStart(6)}  ${reason}`)
}

console.log(
  `${totals.files} files, ${totals.opened} open; ${totals.programs} programs: ${totals.embedded} load on embedded`,
)
if (target !== undefined) {
  console.log(`${totals.linux} load on Linux, ${totals.both} on both, ${totals.falseRefusal} only there`)
  console.log(
    `${totals.compared} packet programs ran on both, ${totals.equal} with equal results for ${PACKETS.length} packets`,
  )
}
table('files do not open', openReasons)
table(target === undefined ? 'not loaded' : 'Linux loads, embedded does not', refusals)
table('embedded loads, Linux does not', onlyEmbedded)
console.log('\ntype: programs, embedded, linux')
for (const [type, n] of [...byType].sort((a, b) => b[1].programs - a[1].programs))
  console.log(`  ${type}: ${n.programs}, ${n.embedded}, ${n.linux}`)
if (different.length > 0) console.log(`\n${different.length} programs run differently`)
for (const d of different.slice(0, Number(values.top))) {
  console.log(
    `  ${d.path} ${d.program} (${d.type}), packet ${d.packet}\n    embedded ${d.embedded.slice(0, 160)}\n    linux    ${d.linux.slice(0, 160)}`,
  )
}
if (values.json !== undefined) writeFileSync(values.json, JSON.stringify({ totals, details, different }, null, 1))
