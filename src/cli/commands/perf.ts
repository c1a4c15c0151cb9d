import { readFileSync, writeFileSync } from 'node:fs'
import { Command } from 'commander'
import { UsageError } from '../../base/index.js'
import type { EmbeddedKernel, TraceEvent } from '../../embedded/index.js'
import type { CommandHost } from '../host/host.js'
import { toJson } from '../output/json.js'
import { eventNames, eventText } from '../trace/perf-text.js'

interface RecordOptions {
  readonly event: readonly string[]
  readonly output: string
  readonly count?: string
}

interface ScriptOptions {
  readonly event: readonly string[]
  readonly input?: string
  readonly count?: string
  readonly json?: boolean
}

/** Milliseconds; undefined without end. Throws UsageError. */
function recordingTime(sleep: string | undefined, seconds: string | undefined): number | undefined {
  if (sleep === undefined) return undefined
  const time = Number(seconds)
  if (sleep !== 'sleep' || !(time >= 0)) {
    throw new UsageError(`perf record runs no commands but 'sleep SECONDS', got: ${sleep} ${seconds ?? ''}`)
  }
  return time * 1000
}

const collect = (value: string, all: readonly string[]): string[] => [...all, value]
const POLL = 50

/** `skep perf` */
export function perfCommand(host: CommandHost): Command {
  const perf = new Command('perf').description("tracepoints of the embedded kernel, in perf's form")
  perf
    .command('record')
    .description('write the events of the kernel that is up to a file, until interrupted')
    .option('-a', 'all CPUs, as always here')
    .option('-e, --event <event>', "'bpf:*', 'xdp:*', 'xdp:xdp_exception' …; may be given several times", collect, [])
    .option('-o, --output <file>', 'where to', 'perf.data.skep')
    .option('--count <n>', 'end after so many')
    .argument('[sleep]', "as perf is given it: 'sleep SECONDS', the time to record")
    .argument('[seconds]')
    .action(async (sleep: string | undefined, seconds: string | undefined, options: RecordOptions) => {
      const lines: string[] = []
      const time = recordingTime(sleep, seconds)
      await listen(host, options.event, options.count, (event) => void lines.push(toJson(event)), time)
      writeFileSync(host.resolve(options.output), lines.map((line) => `${line}\n`).join(''))
      host.err(`[ skep perf record: ${lines.length} events written to ${options.output} ]\n`)
    })
  perf
    .command('script')
    .description('print recorded events, or with -e those that happen now')
    .option('-i, --input <file>', 'what perf record wrote')
    .option('-e, --event <event>', "print these as they happen: 'xdp:*' …", collect, [])
    .option('--count <n>', 'end after so many')
    .option('--json', 'as JSON, one event a line')
    .action(async (options: ScriptOptions) => {
      const print = (event: TraceEvent): void => {
        host.out(options.json === true ? `${toJson(event)}\n` : `${eventText(event)}\n`)
      }
      if (options.event.length > 0) {
        await listen(host, options.event, options.count, print)
        return
      }
      for (const event of recorded(host.resolve(options.input ?? 'perf.data.skep'))) print(event)
    })
  return perf
}

/** Events that `perf record` wrote. Throws UsageError for a file that is none of its. */
function recorded(path: string): TraceEvent[] {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new UsageError(`cannot read ${path}: ${(error as Error).message}`)
  }
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line, index) => {
      try {
        const event = JSON.parse(line) as TraceEvent
        if (typeof event.name === 'string') return { ...event, time: BigInt(event.time) }
      } catch {}
      throw new UsageError(`${path}:${index + 1} is no event of skep perf record`)
    })
}

async function listen(
  host: CommandHost,
  wanted: readonly string[],
  count: string | undefined,
  tell: (event: TraceEvent) => void,
  time = Number.POSITIVE_INFINITY,
): Promise<void> {
  const names = eventNames(wanted)
  const most = count === undefined ? Number.POSITIVE_INFINITY : Number(count)
  using kernel = host.openKernel('embedded') as EmbeddedKernel
  if (kernel.name !== 'embedded') throw new UsageError("Linux's events are perf's own business", 'use perf')
  const queue: TraceEvent[] = []
  let seen = 0
  using _ = kernel.network.tracepoints({ names, fire: (event) => void queue.push(event) })
  const end = performance.now() + time
  while (!host.signal.aborted && seen < most && performance.now() < end) {
    await host.wait(new Promise((resolve) => void setTimeout(resolve, POLL)))
    for (const event of queue.splice(0)) {
      if (seen++ < most) tell(event)
    }
    await host.drained()
  }
}
