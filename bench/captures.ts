// `skep run` on a capture: packets a second through the firewall with hash, LPM and LRU maps, where the time goes, and
// peak memory. `node build/bench/captures.js [packets] [rounds]`. The first round is a fresh process's: it has the
// compiler's tiers before it; the last ones run at full speed.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openKernel } from '#src/cli/run/open-kernel.js'
import { PrintkLog } from '#src/cli/run/printk-log.js'
import { type CaptureTimes, runCapture } from '#src/cli/run/run-capture.js'
import { Tally } from '#src/cli/run/tally.js'
import { openObject } from '#src/object/index.js'
import { loadCollection } from '#src/sdk/index.js'
import { root } from '../test/support/paths.js'

const packets = Number(process.argv[2] ?? 1_000_000)
const rounds = Number(process.argv[3] ?? 7)
const directory = mkdtempSync(join(tmpdir(), 'skep-bench-'))
const path = join(directory, 'firewall.pcap')
const object = join(root, 'examples/firewall/firewall.o')

const sum = ({ reading, copying, running, counting }: CaptureTimes): number => reading + copying + running + counting

interface Round {
  readonly times: CaptureTimes
  /** ns of CPU time a packet, of all threads: what a busy machine does not stretch. */
  readonly cpu: number
}

async function round(): Promise<Round> {
  const choice = openKernel({ kernel: 'embedded', cpus: '1', clock: 'capture', pcap: path }, new PrintkLog(0))
  using kernel = choice.kernel
  using collection = loadCollection(openObject(readFileSync(object), { file: object }), { kernel })
  const tally = new Tally()
  const before = process.cpuUsage()
  const { times } = await runCapture(path, {
    engine: choice.packetEngine(collection.program('firewall'), collection),
    tally,
    verdict: String,
    programType: 'xdp',
    out: undefined,
    progress: false,
    results: 0,
    onResult: () => {},
  })
  if (tally.packets !== packets) throw new Error(`${tally.packets} packets were run, not ${packets}`)
  const { user, system } = process.cpuUsage(before)
  return { times, cpu: ((user + system) * 1000) / packets }
}

function report(name: string, { times, cpu }: Round): void {
  const total = sum(times)
  const shares = Object.entries(times).map(
    ([part, ms]: [string, number]) => `${part} ${ms.toFixed(0)} ms (${((ms / total) * 100).toFixed(0)} %)`,
  )
  const rate = packets / total / 1000
  const mark = rate >= 5 ? 'met' : 'not met'
  console.log(
    `${name.padEnd(14)} ${rate.toFixed(2)} M packets/s (aim 5: ${mark}), ${cpu.toFixed(0)} ns of CPU a packet: ${shares.join(', ')}`,
  )
}

try {
  const maker = join(root, 'scripts/make-capture.mjs')
  execFileSync(process.execPath, [maker, path, '--packets', String(packets), '--kind', 'firewall'])
  if (!existsSync(path)) throw new Error('no capture was made')
  const all: Round[] = []
  for (let i = 0; i < rounds; i++) all.push(await round())
  report('first', all[0] as Round)
  report('best', all.toSorted((a, b) => sum(a.times) - sum(b.times))[0] as Round)
  console.log(
    `peak memory    ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MB after ${rounds} runs of ${packets} packets`,
  )
} finally {
  rmSync(directory, { recursive: true })
}
