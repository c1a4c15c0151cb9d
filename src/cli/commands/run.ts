import { readFileSync } from 'node:fs'
import { Command, Option } from 'commander'
import { fromHex, toHex, UsageError } from '../../base/index.js'
import { openObject } from '../../object/index.js'
import { loadCollection } from '../../sdk/index.js'
import { type ProgTypeName, verdictName } from '../../spec/index.js'
import { readBtf } from '../input/read-btf.js'
import { printJson } from '../output/json.js'
import { chooseProgram, isPacketProgram } from '../run/choose-program.js'
import { dumpMaps, openPerfBuffers } from '../run/dump-maps.js'
import { fillMaps, setMaxEntries, setVariables } from '../run/fill-maps.js'
import { type KernelChoice, openKernel } from '../run/open-kernel.js'
import { PrintkLog } from '../run/printk-log.js'
import { formatReport, jsonReport, type RunReport } from '../run/report.js'
import { type CaptureOutcome, runCapture } from '../run/run-capture.js'
import { Tally } from '../run/tally.js'

export interface RunOptions {
  readonly prog?: string
  readonly pcap?: string
  readonly packet: readonly string[]
  readonly ctx?: string
  readonly repeat?: string
  readonly out?: string
  readonly kernel: 'embedded' | 'linux'
  readonly engine?: 'interpreter' | 'jit'
  readonly cpus: string
  readonly clock: 'capture' | 'host'
  readonly seed?: string
  readonly map: readonly string[]
  readonly set: readonly string[]
  readonly maxEntries: readonly string[]
  readonly btf?: string
  readonly results: string
  readonly mapRows: string
  readonly progress: boolean
  readonly json?: boolean
}

const collect = (value: string, all: readonly string[]): string[] => [...all, value]

/** `skep run FILE` */
export function runCommand(): Command {
  return new Command('run')
    .description('run a BPF program on packets and show what happened')
    .argument('<file>', 'object file')
    .option('--prog <name>', 'program to run (default: the first packet program)')
    .option('--pcap <file>', 'run every packet of a pcap or pcapng file (.gz too)')
    .option('--packet <hex>', 'run this packet; may be given several times', collect, [])
    .option('--ctx <hex>', 'context for BPF_PROG_TEST_RUN')
    .option('--repeat <n>', 'run each --packet n times and report ns per run')
    .option('--out <file>', 'write the packets the program let through to a pcap or pcapng file')
    .addOption(new Option('--kernel <name>', 'which kernel runs it').choices(['embedded', 'linux']).default('embedded'))
    .addOption(new Option('--engine <name>', 'engine of the embedded kernel').choices(['interpreter', 'jit']))
    .option('--cpus <n>', 'CPUs of the embedded kernel', '1')
    .addOption(
      new Option('--clock <name>', "the embedded kernel's clock: the capture's time stamps or the host's")
        .choices(['capture', 'host'])
        .default('capture'),
    )
    .option(
      '--seed <n>',
      "seed of the embedded kernel's random numbers (default: 1 with the capture clock, else random)",
    )
    .option('--map <name=file>', 'fill a map before the run: NAME=FILE.json or NAME=[{"key":…,"value":…}]', collect, [])
    .option('--set <name=value>', 'set a global variable before loading', collect, [])
    .option('--max-entries <name=n>', 'set max_entries of a map before loading', collect, [])
    .option('--btf <file>', "apply CO-RE relocations against this BTF (default: the kernel's own, where it has one)")
    .option('--results <n>', 'with --pcap and --json: per-packet results of at most this many packets', '1000')
    .option('--map-rows <n>', 'most rows shown of a map', '20')
    .option('--no-progress', 'no progress bar')
    .option('--json', 'as JSON')
    .action((file: string, options: RunOptions) => run(file, options))
}

async function run(file: string, options: RunOptions): Promise<void> {
  const spec = openObject(new Uint8Array(readFileSync(file)), { file })
  const { program, others } = chooseProgram(spec, options.prog)
  const packets = options.packet.map((text) => fromHex(text))
  const repeat = options.repeat === undefined ? undefined : positive(options.repeat, '--repeat')
  if (options.pcap === undefined && packets.length === 0 && options.ctx === undefined && isPacketProgram(program)) {
    throw new UsageError(`what shall ${program.name} run on?`, 'give --pcap FILE or --packet HEX')
  }
  setVariables(spec, options.set)
  setMaxEntries(spec, options.maxEntries)
  const targetBtf = options.btf === undefined ? {} : { targetBtf: readBtf(options.btf) }

  const printk = new PrintkLog(options.json === true ? 100_000 : 100)
  const choice: KernelChoice = openKernel(options, printk)
  using kernel = choice.kernel
  using collection = loadCollection(spec, { kernel, programs: [program.name], ...targetBtf })
  fillMaps(collection, options.map)
  const perf = openPerfBuffers(collection)
  const loaded = collection.program(program.name)
  const tally = new Tally()
  let capture: CaptureOutcome | undefined
  const results: object[] = []
  const durations: number[] = []
  const started = performance.now()
  const names = new Map<number, string>()
  const verdict = (retval: number): string => {
    let name = names.get(retval)
    if (name === undefined) {
      name = verdictName(program.type as ProgTypeName, retval)
      // Socket filters return lengths: no more names than there are small results.
      if (names.size < 1024) names.set(retval, name)
    }
    return name
  }

  if (packets.length > 0 || options.pcap === undefined) {
    const ctxIn = options.ctx === undefined ? undefined : fromHex(options.ctx)
    for (const packet of packets.length > 0 ? packets : [undefined]) {
      const result = loaded.testRun({
        ...(packet === undefined ? {} : { dataIn: packet }),
        ...(ctxIn === undefined ? {} : { ctxIn }),
        ...(repeat === undefined ? {} : { repeat }),
      })
      const redirect = choice.redirectOf?.(loaded, collection, result.retval)
      tally.add(verdict(result.retval), packet?.length ?? 0)
      tally.addRedirect(redirect)
      durations.push(result.duration)
      results.push({
        retval: result.retval,
        verdict: verdict(result.retval),
        data: toHex(result.dataOut),
        ...(result.ctxOut.length > 0 ? { ctx: toHex(result.ctxOut) } : {}),
        ...(redirect === undefined ? {} : { redirect }),
      })
    }
  }
  if (options.pcap !== undefined) {
    const limit = options.json === true ? Number(options.results) : 0
    capture = await runCapture(options.pcap, {
      engine: choice.packetEngine(loaded, collection),
      tally,
      verdict,
      programType: program.type,
      out: options.out,
      progress: options.progress && options.json !== true,
      results: limit,
      onResult: (retval, redirect) => {
        results.push({ retval, verdict: verdict(retval), ...(redirect === undefined ? {} : { redirect }) })
      },
    })
  }
  const damage = capture?.damage

  const report: RunReport = {
    kernel: kernel.name,
    engine: choice.engine,
    program: { name: program.name, type: program.type },
    others,
    tally,
    nsPerRun:
      repeat === undefined || durations.length === 0
        ? undefined
        : durations.reduce((a, b) => a + b, 0) / durations.length,
    seconds: (performance.now() - started) / 1000,
    times: capture?.times,
    printk: printk.lines,
    printkDropped: printk.dropped,
    maps: dumpMaps(collection, perf, options.json === true ? 'json' : 'text'),
    error: damage?.message,
    mapRows: positive(options.mapRows, '--map-rows'),
  }
  for (const buffer of perf.values()) buffer.close()
  if (options.json === true) printJson(jsonReport(report, results))
  else process.stdout.write(formatReport(report))
  // The packets before the damage were run and reported; the error is the last word.
  if (damage !== undefined) throw damage
}

function positive(text: string, option: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value <= 0) throw new UsageError(`${option} takes a positive number, not '${text}'`)
  return value
}
