import pc from 'picocolors'
import { formatTable, grouped } from '../output/table.js'
import type { DumpedEntry, DumpedMap } from './dump-maps.js'
import type { CaptureTimes } from './run-capture.js'
import type { Tally } from './tally.js'
import { plain } from './value-text.js'

/** Characters of a key or value that are shown. */
const MAX_TEXT = 160

export interface RunReport {
  readonly kernel: string
  readonly engine: string
  readonly program: { readonly name: string; readonly type: string }
  readonly others: readonly string[]
  readonly tally: Tally
  readonly nsPerRun: number | undefined
  readonly seconds: number
  /** Where the time of a capture run went. */
  readonly times: CaptureTimes | undefined
  readonly printk: readonly string[]
  readonly printkDropped: number
  readonly maps: readonly DumpedMap[]
  readonly mapRows: number
  /** What was wrong with the capture behind the packets that were run. */
  readonly error: string | undefined
}

/** The report of `skep run` for people. */
export function formatReport(report: RunReport): string {
  const { tally } = report
  const color = pc.createColors(process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined)
  const parts: string[] = []
  const rate =
    tally.packets > 1000 && report.seconds > 0
      ? `, ${grouped(Math.round(tally.packets / report.seconds))} packets/s`
      : ''
  parts.push(
    `${color.bold(report.program.name)} (${report.program.type}) on the ${report.kernel} kernel, ${report.engine}: ` +
      `${grouped(tally.packets)} packets, ${grouped(tally.bytes)} bytes${rate}` +
      (rate === '' || report.times === undefined ? '' : `\n${color.dim(sharesText(report.times))}`) +
      (report.others.length > 0
        ? `\n${color.dim(`other programs: ${report.others.join(', ')} (choose with --prog)`)}`
        : ''),
  )
  if (tally.packets > 0) {
    const rows = [...tally.verdicts].sort((a, b) => b[1].packets - a[1].packets)
    parts.push(
      formatTable(
        [
          { head: 'VERDICT' },
          { head: 'PACKETS', align: 'right' },
          { head: 'BYTES', align: 'right' },
          { head: 'SHARE', align: 'right' },
        ],
        rows.map(([verdict, row]) => [
          verdict,
          grouped(row.packets),
          grouped(row.bytes),
          `${((row.packets / tally.packets) * 100).toFixed(1)} %`,
        ]),
      ),
    )
  }
  if (report.nsPerRun !== undefined) parts.push(`${grouped(report.nsPerRun)} ns per run`)
  if (tally.redirects.size > 0) {
    const rows = [...tally.redirects].sort((a, b) => b[1] - a[1]).map(([target, count]) => [target, grouped(count)])
    parts.push(formatTable([{ head: 'REDIRECTED TO' }, { head: 'PACKETS', align: 'right' }], rows))
  }
  for (const [reason, count] of tally.skips) parts.push(color.yellow(`${grouped(count)} packets not run: ${reason}`))
  if (report.printk.length > 0) {
    const more = report.printkDropped > 0 ? `\n  … ${grouped(report.printkDropped)} more lines` : ''
    parts.push(`${color.bold('bpf_printk')}\n${report.printk.map((line) => `  ${line}`).join('\n')}${more}`)
  }
  for (const map of report.maps) parts.push(formatMap(map, report.mapRows, color))
  return parts.join('\n\n') + '\n'
}

/** Shares of the run's time: `reading 31 %, copying 6 %, running 58 %, counting 5 %`. */
function sharesText(times: CaptureTimes): string {
  const shares = Object.entries(sharesOf(times))
  return shares.map(([name, share]) => `${name} ${(share * 100).toFixed(0)} %`).join(', ')
}

/** Share of each part, from 0 to 1. */
function sharesOf(times: CaptureTimes): CaptureTimes {
  const total = Math.max(Number.MIN_VALUE, times.reading + times.copying + times.running + times.counting)
  return {
    reading: times.reading / total,
    copying: times.copying / total,
    running: times.running / total,
    counting: times.counting / total,
  }
}

function formatMap(map: DumpedMap, limit: number, color: ReturnType<typeof pc.createColors>): string {
  const head = `${color.bold(map.name)} ${color.dim(`(${map.type}, key ${map.keySize}, value ${map.valueSize}, max_entries ${map.maxEntries})`)}`
  if (map.unreadable !== undefined) return `${head}\n  ${color.dim(map.unreadable)}`
  if (map.entries.length === 0) return `${head}\n  ${color.dim('empty')}`
  const rows = map.entries.slice(0, limit).map((entry) => [short(entry.key), formatValue(entry)])
  const keyed = map.entries.some((entry) => entry.key !== undefined)
  const table = keyed
    ? formatTable([{ head: 'KEY' }, { head: 'VALUE' }], rows)
    : rows.map(([, value]) => value as string).join('\n')
  const notes: string[] = []
  if (map.entries.length > limit)
    notes.push(`… ${grouped(map.entries.length - limit)} more (--map-rows ${map.entries.length})`)
  if (map.zeroEntriesOmitted !== undefined) notes.push(`${grouped(map.zeroEntriesOmitted)} elements are zero`)
  return `${head}\n${table
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n')}${notes.map((note) => `\n  ${color.dim(note)}`).join('')}`
}

function formatValue(entry: DumpedEntry): string {
  if (entry.values === undefined) return short(entry.value)
  return entry.values.length === 1
    ? short(entry.values[0])
    : `cpu ${entry.values.map((value, cpu) => `${cpu}: ${short(value)}`).join(', ')}`
}

/** What the text dump made of a value, cut to a line that a screen can hold. */
function short(value: unknown): string {
  const text = typeof value === 'string' ? value : plain(value)
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT - 1)}…` : text
}

/** Rounded: they differ from run to run, and nobody compares their last digits. */
function timing(times: CaptureTimes, packets: number): object {
  const milliseconds = times.reading + times.copying + times.running + times.counting
  const shares = Object.entries(sharesOf(times)).map(([name, share]) => [name, Number(share.toFixed(3))])
  return {
    milliseconds: Number(milliseconds.toFixed(1)),
    packetsPerSecond: milliseconds > 0 ? Math.round((packets / milliseconds) * 1000) : 0,
    shares: Object.fromEntries(shares),
  }
}

/** The report as the documented JSON (docs/reference/cli.md). */
export function jsonReport(report: RunReport, results: readonly object[]): object {
  const { tally } = report
  return {
    kernel: report.kernel,
    engine: report.engine,
    program: report.program,
    packets: tally.packets,
    bytes: tally.bytes,
    verdicts: Object.fromEntries([...tally.verdicts].map(([verdict, row]) => [verdict, row.packets])),
    ...(tally.redirects.size > 0 ? { redirects: Object.fromEntries(tally.redirects) } : {}),
    ...(tally.skipped > 0 ? { skipped: tally.skipped, skips: Object.fromEntries(tally.skips) } : {}),
    results,
    ...(report.times === undefined ? {} : { timing: timing(report.times, tally.packets) }),
    ...(report.nsPerRun === undefined ? {} : { nsPerRun: report.nsPerRun }),
    ...(report.error === undefined ? {} : { error: report.error }),
    ...(report.printk.length > 0 ? { printk: report.printk } : {}),
    maps: report.maps,
  }
}
