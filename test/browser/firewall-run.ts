// What the test runs in Node and in a browser: the same module, found by the same names. It may use nothing of Node's.

import { embedded } from '#src/embedded/index.js'
import { disassemble } from '#src/isa/index.js'
import { readPackets } from '#src/packet/index.js'
import { load } from '#src/sdk/index.js'

export interface FirewallRun {
  readonly verdicts: Record<string, number>
  /** FNV-1a over every verdict and packet as the program left them. */
  readonly digest: number
  readonly printk: readonly string[]
  /** Elements of each map as hexadecimal text, sorted. */
  readonly maps: Record<string, readonly string[]>
  /** Names and number of arguments of what each portable entry exports. */
  readonly entries: Record<string, readonly string[]>
  readonly listing: string
}

const ENTRIES = ['sdk', 'embedded', 'isa', 'btf', 'elf', 'object', 'packet', 'kernel', 'spec']

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** The example firewall over its capture, on an embedded kernel whose clock and dice are fixed. */
export async function runFirewall(
  object: Uint8Array,
  capture: Uint8Array,
  engine: 'interpreter' | 'jit',
): Promise<FirewallRun> {
  const printk: string[] = []
  let now = 0n
  const clock = { monotonic: () => now, boottime: () => now, realtime: () => now, tai: () => now }
  let state = 1
  const random = {
    u32() {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return state
    },
  }
  using kernel = embedded({ engine, clock, random, printk: (line) => printk.push(line) })
  using collection = await load(object, { kernel })
  const program = collection.program('firewall')
  using runner = kernel.packetRunner(program.fd)
  const verdicts: Record<string, number> = {}
  let digest = 0x811c9dc5
  const mix = (byte: number): void => {
    digest = Math.imul(digest ^ byte, 0x01000193) >>> 0
  }
  for (const { data } of readPackets(capture)) {
    now += 1_000_000n
    const verdict = runner.run(data)
    verdicts[verdict] = (verdicts[verdict] ?? 0) + 1
    mix(verdict)
    runner.outputView().forEach(mix)
  }
  const maps: Record<string, string[]> = {}
  for (const [name, map] of collection.maps) {
    maps[name] = Array.from(map.rawEntries(), ([key, value]) => `${hex(key)} ${hex(value)}`).sort()
  }
  const entries: Record<string, string[]> = {}
  for (const part of ENTRIES) {
    const names: Record<string, unknown> = await import(`#src/${part}/index.js`)
    entries[part] = Object.keys(names).sort()
  }
  const listing = disassemble(Uint8Array.of(0xb7, 0, 0, 0, 2, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0))
  return { verdicts, digest, printk, maps, entries, listing: String(listing) }
}
