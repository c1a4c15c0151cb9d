import { UsageError } from '../../base/index.js'
import { TRACEPOINT_FORMATS, TRACEPOINT_NAMES, type TraceEvent } from '../../embedded/index.js'

/** The group of an event: 'xdp' of 'xdp_redirect'. */
function groupOf(name: string): string {
  return name.slice(0, name.indexOf('_'))
}

/** Names of the events that patterns like 'xdp:*' and 'bpf:bpf_prog_load' mean. Throws UsageError. */
export function eventNames(patterns: readonly string[]): string[] {
  if (patterns.length === 0) throw new UsageError('which events?', "give -e 'bpf:*' or -e 'xdp:*'")
  const found = new Set<string>()
  for (const pattern of patterns.flatMap((one) => one.split(','))) {
    const expression = new RegExp(`^${pattern.split('*').map(escaped).join('.*')}$`)
    const names = TRACEPOINT_NAMES.filter((name) => expression.test(`${groupOf(name)}:${name}`))
    if (names.length === 0) throw new UsageError(`there is no event '${pattern}'`, "there are 'bpf:*' and 'xdp:*'")
    for (const name of names) found.add(name)
  }
  return [...found]
}

function escaped(text: string): string {
  return text.replace(/[.+?^${}()|[\]\\]/g, '\\$&')
}

const ACTIONS: readonly string[] = ['ABORTED', 'DROP', 'PASS', 'TX', 'REDIRECT']

/** A field as the tracepoint's own format prints it. */
function fieldText(name: string, [key, value]: readonly [string, number | string]): string {
  if (key === 'act' && typeof value === 'number') return `action=${ACTIONS[value] ?? value}`
  if (key === 'act') return `action=${value}`
  return name.startsWith('bpf') && key === 'map' ? `map ${value}` : `${key}=${value}`
}

/** One line as `perf script` prints it: task, CPU, time, event, fields. */
export function eventText(event: TraceEvent): string {
  const { name, time, cpu, pid, comm, fields } = event
  const seconds = time / 1_000_000_000n
  const micros = (time % 1_000_000_000n) / 1000n
  const task = `${comm.padStart(16)} ${String(pid).padStart(5)} [${String(cpu).padStart(3, '0')}]`
  const at = `${String(seconds).padStart(5)}.${String(micros).padStart(6, '0')}`
  const format = TRACEPOINT_FORMATS[name]
  const entries =
    format === undefined ? Object.entries(fields) : format.print.map((key) => [key, fields[key] ?? 0] as const)
  const words = entries.map((field) => fieldText(name, field))
  const text = [...(format?.prefix === undefined ? [] : [format.prefix]), ...words].join(' ')
  return `${task} ${at}: ${`${groupOf(name)}:${name}`.padStart(24)}: ${text}`
}
