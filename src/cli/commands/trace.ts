import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { UsageError } from '../../base/index.js'
import type { EmbeddedKernel } from '../../embedded/index.js'
import type { Fd } from '../../kernel/index.js'
import { openObject } from '../../object/index.js'
import { attachTc, attachXdp, loadCollection, NetNamespace } from '../../sdk/index.js'
import { CaptureWriter } from '../capture/capture-writer.js'
import type { CommandHost } from '../host/host.js'
import { toJson } from '../output/json.js'
import { chooseProgram } from '../run/choose-program.js'
import { fillMaps } from '../run/fill-maps.js'
import { journeyFilter } from '../trace/filter.js'
import { countsJson, countsText, journeyComment, journeyText } from '../trace/format.js'
import { type Journey, JourneyLog } from '../trace/journey-log.js'
import { traffic } from '../trace/traffic.js'

interface TraceOptions {
  readonly prog?: string
  readonly mode: 'native' | 'generic'
  readonly dev?: string
  readonly netns?: string
  readonly address: readonly string[]
  readonly pcap?: string
  readonly packet: readonly string[]
  readonly generate?: string
  readonly count?: string
  readonly ping?: string
  readonly map: readonly string[]
  readonly filter?: string
  readonly out?: string
  readonly counts?: boolean
  readonly json?: boolean
}

const collect = (value: string, all: readonly string[]): string[] => [...all, value]

/** `skep trace [FILE]` */
export function traceCommand(host: CommandHost): Command {
  return new Command('trace')
    .description('follow packets through the virtual network: where they went, what ran, why they were dropped')
    .argument(
      '[file]',
      'object file: its program is attached to a device of its own; without: the network of the kernel that is up',
    )
    .option('--prog <name>', 'program to attach (default: the first for XDP or tc)')
    .option('--mode <mode>', 'native or generic XDP', 'native')
    .option('--dev <name>', 'device at which packets arrive (with FILE: its name, eth0)')
    .option('--netns <name>', 'namespace of the device')
    .option('--address <a/n>', 'with FILE: address of the device; may be given several times', collect, [])
    .option('--pcap <file>', 'packets of a capture arrive')
    .option('--packet <hex>', 'this packet arrives; may be given several times', collect, [])
    .option('--generate <flow>', "packets are made: 'udp 10.0.0.9:4000 > 10.0.0.1:53' (udp, tcp, icmp)")
    .option('--count <n>', 'how many are generated; without packets: end after so many')
    .option('--ping <address>', 'an echo request is sent from the namespace')
    .option('--map <name=file>', 'with FILE: fill a map first', collect, [])
    .option(
      '--filter <words>',
      'only packets for which all hold: drop, pass, dev=, hook=, prog=, verdict=, reason=, packet=, text=; ! for not',
    )
    .option('--out <file>', 'write the packets to a pcapng, each with its way as a comment')
    .option('--counts', 'only the counts of the run')
    .option('--json', 'as JSON: one journey a line, then the counts')
    .action((file: string | undefined, options: TraceOptions) => run(host, file, options))
}

async function run(host: CommandHost, file: string | undefined, options: TraceOptions): Promise<void> {
  if (options.mode !== 'native' && options.mode !== 'generic') throw new UsageError('--mode is native or generic')
  const sends = options.packet.length > 0 || options.pcap !== undefined || options.generate !== undefined
  if (file !== undefined && !sends && options.ping === undefined) {
    throw new UsageError('which packets shall arrive?', "give --pcap FILE, --packet HEX or --generate 'udp A:P > B:P'")
  }
  if (sends && file === undefined && options.dev === undefined) {
    throw new UsageError('at which device shall they arrive?', 'give --dev NAME, or an object file')
  }
  using kernel = host.openKernel(file === undefined ? 'embedded' : 'fresh') as EmbeddedKernel
  if (kernel.name !== 'embedded') throw new UsageError('only the embedded kernel tells where packets go')
  const held: Disposable[] = []
  const netns = namespaceOf(kernel, options.netns)
  const dev = options.dev ?? 'eth0'
  if (file !== undefined) held.push(...attachFile(host, kernel, file, dev, options))
  const keep = options.filter === undefined ? () => true : journeyFilter(options.filter)
  const writer = options.out === undefined ? undefined : new CaptureWriter(pcapng(host.resolve(options.out)))
  const log = new JourneyLog(kernel.network)
  let shown = 0
  const tell = (journeys: readonly Journey[]): void => {
    for (const journey of journeys.filter(keep)) {
      shown++
      if (writer !== undefined) write(writer, journey)
      if (options.counts === true) continue
      const { packet, parent, summary, steps } = journey
      host.out(options.json === true ? `${toJson({ packet, parent, summary, steps })}\n` : journeyText(journey))
    }
  }
  try {
    const place = { name: dev, ...(netns === undefined ? {} : { netns }) }
    const mac = (): Uint8Array => kernel.network.device(place).mac
    for await (const packet of traffic(options, mac)) {
      host.signal.throwIfAborted()
      kernel.network.inject(place, packet)
      tell(log.flush())
      await host.drained()
    }
    if (options.ping !== undefined) {
      kernel.network.ping({ to: options.ping, ...(netns === undefined ? {} : { netns }) })
      tell(log.flush())
    }
    if (!sends && options.ping === undefined) {
      const most = options.count === undefined ? Number.POSITIVE_INFINITY : Number(options.count)
      await live(host, log, (journeys) => {
        tell(journeys)
        return shown < most
      })
    }
  } finally {
    log[Symbol.dispose]()
    writer?.close()
    for (const one of held.reverse()) one[Symbol.dispose]()
  }
  if (options.json === true) host.out(`${toJson({ counts: countsJson(log.counts) })}\n`)
  else host.out(countsText(log.counts))
}

const POLL = 50

/** Tells of what other commands cause, until there is enough or the caller goes. */
async function live(
  host: CommandHost,
  log: JourneyLog,
  tell: (journeys: readonly Journey[]) => boolean,
): Promise<void> {
  while (!host.signal.aborted) {
    await host.wait(new Promise((resolve) => void setTimeout(resolve, POLL)))
    const journeys = log.flush()
    if (journeys.length > 0 && !tell(journeys)) return
    await host.drained()
  }
}

function namespaceOf(kernel: EmbeddedKernel, name: string | undefined): Fd | undefined {
  if (name === undefined) return undefined
  return kernel.call('netns_open', { path: name.includes('/') ? name : `/run/netns/${name}` })
}

/** Loads an object and attaches its program to a port of its own. */
function attachFile(
  host: CommandHost,
  kernel: EmbeddedKernel,
  file: string,
  dev: string,
  options: TraceOptions,
): Disposable[] {
  const path = host.resolve(file)
  const spec = openObject(new Uint8Array(readFileSync(path)), { file })
  const { program } = chooseProgram(spec, options.prog)
  if (program.type !== 'xdp' && program.type !== 'sched_cls' && program.type !== 'sched_act') {
    throw new UsageError(`${program.name} is a ${program.type} program`, 'a device runs xdp and tc programs')
  }
  kernel.network.port(dev, { mac: '02:00:00:00:00:01' })
  const netns = NetNamespace.open(kernel)
  const device = netns.device(dev)
  for (const address of options.address) device.addAddress(address)
  const collection = loadCollection(spec, { kernel, programs: [program.name] })
  fillMaps(collection, options.map)
  const loaded = collection.program(program.name)
  const attached =
    program.type === 'xdp'
      ? attachXdp(loaded, device, { mode: options.mode })
      : attachTc(loaded, device, { direction: program.section.includes('egress') ? 'egress' : 'ingress' })
  return [netns, collection, attached]
}

function pcapng(path: string): string {
  if (/\.(pcapng|ntar)$/i.test(path)) return path
  throw new UsageError(`${path}: comments need a pcapng`, 'name the file .pcapng')
}

function write(writer: CaptureWriter, journey: Journey): void {
  const first = journey.steps[0]
  const time = first?.time ?? 0n
  const { bytes } = journey
  writer.write(
    bytes,
    0,
    bytes.length,
    Number(time / 1_000_000_000n),
    Number(time % 1_000_000_000n),
    bytes.length,
    0,
    journeyComment(journey),
  )
}
