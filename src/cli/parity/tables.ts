// The agreement of many programs, counted: in total, by program type, by rule, by message.

import { formatTable, grouped } from '../output/table.js'
import type { Agreement, ProgramSummary } from './summary.js'

interface Counts {
  readonly programs: number
  readonly equal: number
  readonly falseAccepts: number
  readonly falseRefusals: number
  readonly unsupported: number
  readonly bothAccept: number
  readonly sameInsnsProcessed: number
  readonly bothRefuse: number
  readonly sameLastLine: number
  readonly sameLog: Readonly<Record<number, number>>
  readonly linuxMs: number
  readonly ourMs: number
}

export interface ParityReport extends Counts {
  readonly skipped: number
  readonly byType: readonly ({ readonly type: string } & Counts)[]
  /** Refusals of Linux's by the rule they name. */
  readonly byRule: readonly ({ readonly ruleId: string } & Counts)[]
  /** Differences of the verdict by kind and message, numbers left out. */
  readonly groups: readonly { readonly message: string; readonly count: number; readonly names: readonly string[] }[]
  /** Where our time is the largest multiple of Linux's, among programs that take either at least 5 ms. */
  readonly slowest: readonly {
    readonly file: string
    readonly program: string
    readonly ratio: number
    readonly ourMs: number
  }[]
}

function count(all: readonly ProgramSummary[], levels: readonly number[]): Counts {
  const how = (agreement: Agreement): number => all.filter((each) => each.agreement === agreement).length
  const accepted = all.filter(({ agreement, linux }) => agreement === 'equal' && linux === 'accept')
  const refused = all.filter(({ linux, agreement }) => linux === 'reject' && agreement !== 'false accept')
  const sum = (of: (each: ProgramSummary) => number): number => Math.round(all.reduce((t, each) => t + of(each), 0))
  return {
    ...{ programs: all.length, equal: how('equal'), falseAccepts: how('false accept') },
    ...{ falseRefusals: how('false refusal'), unsupported: how('unsupported') },
    bothAccept: accepted.length,
    sameInsnsProcessed: accepted.filter(({ sameInsnsProcessed }) => sameInsnsProcessed).length,
    bothRefuse: refused.length,
    sameLastLine: refused.filter(({ sameLastLine }) => sameLastLine).length,
    sameLog: Object.fromEntries(levels.map((level) => [level, all.filter(({ sameLog }) => sameLog[level]).length])),
    ...{ linuxMs: sum(({ linuxMs }) => linuxMs), ourMs: sum(({ ourMs }) => ourMs) },
  }
}

function by<K extends string>(
  all: readonly ProgramSummary[],
  key: (each: ProgramSummary) => K,
): [K, ProgramSummary[]][] {
  const groups = new Map<K, ProgramSummary[]>()
  for (const each of all) groups.set(key(each), [...(groups.get(key(each)) ?? []), each])
  return [...groups].sort((a, b) => b[1].length - a[1].length)
}

const withoutNumbers = (text: string): string => text.replace(/0x[0-9a-f]+|-?\d+/g, 'N')

export function reportOf(all: readonly ProgramSummary[], skipped: number, levels: readonly number[]): ParityReport {
  const differing = all.filter(({ agreement }) => agreement !== 'equal')
  const message = ({ agreement, linuxMessage, ourMessage }: ProgramSummary): string =>
    `${agreement}: ${withoutNumbers(agreement === 'false accept' ? linuxMessage : ourMessage)}`
  const refused = all.filter(({ linux }) => linux === 'reject')
  const timed = all.filter(({ linuxMs, ourMs }) => linuxMs >= 5 || ourMs >= 5)
  return {
    ...count(all, levels),
    skipped,
    byType: by(all, ({ type }) => type).map(([type, group]) => ({ type, ...count(group, levels) })),
    byRule: by(refused, ({ ruleId }) => ruleId ?? '(none)').map(([ruleId, group]) => ({
      ruleId,
      ...count(group, levels),
    })),
    groups: by(differing, message).map(([text, group]) => ({
      message: text,
      count: group.length,
      names: group.map(({ file, program }) => `${file.slice(file.lastIndexOf('/') + 1)}:${program}`),
    })),
    slowest: timed
      .map(({ file, program, ourMs, linuxMs }) => ({ file, program, ratio: ourMs / Math.max(0.001, linuxMs), ourMs }))
      .sort((a, b) => b.ratio - a.ratio)
      .slice(0, 5),
  }
}

const percent = (part: number, whole: number): string =>
  whole === 0 ? '-' : part === whole ? '100 %' : `${Math.min(99.9, (100 * part) / whole).toFixed(1)} %`

function table(head: string, rows: readonly [string, Counts][], levels: readonly number[]): string {
  const right = 'right' as const
  return formatTable(
    [
      { head },
      ...['PROGRAMS', 'EQUAL', 'FALSE ACCEPT', 'FALSE REFUSAL', 'NOT MODELLED'].map((name) => ({
        head: name,
        align: right,
      })),
      ...levels.map((level) => ({ head: `LOG ${level}`, align: right })),
      ...['LAST LINE', 'PROCESSED', 'TIME RATIO'].map((name) => ({ head: name, align: right })),
    ],
    rows.map(([name, each]) => [
      name,
      ...[each.programs, each.equal, each.falseAccepts, each.falseRefusals, each.unsupported].map(grouped),
      ...levels.map((level) => percent(each.sameLog[level] ?? 0, each.programs)),
      percent(each.sameLastLine, each.bothRefuse),
      percent(each.sameInsnsProcessed, each.bothAccept),
      each.linuxMs === 0 ? '-' : (each.ourMs / each.linuxMs).toFixed(1),
    ]),
  )
}

/** The report as text. `processed` is of programs both accept, `last line` of those Linux refuses and we do not accept. */
export function renderReport(report: ParityReport, levels: readonly number[]): string {
  const out: string[] = []
  for (const { message, count: many, names } of report.groups) {
    out.push(`${String(many).padStart(5)}  ${message}`)
    out.push(`         ${names.slice(0, 4).join(' ')}${many > 4 ? ' …' : ''}`)
  }
  if (report.groups.length > 0) out.push('')
  out.push(
    table('TYPE', [...report.byType.map((each): [string, Counts] => [each.type, each]), ['total', report]], levels),
    '',
  )
  if (report.byRule.length > 0) {
    out.push(
      table(
        'REFUSED BY LINUX FOR',
        report.byRule.map((each): [string, Counts] => [each.ruleId, each]),
        levels,
      ),
      '',
    )
  }
  const slow = report.slowest.filter(({ ratio }) => ratio > 1)
  if (slow.length > 0) {
    out.push('slowest against Linux:')
    for (const { file, program, ratio, ourMs } of slow) {
      out.push(`  ${ratio.toFixed(1)}x  ${ourMs.toFixed(0)} ms  ${file.slice(file.lastIndexOf('/') + 1)}:${program}`)
    }
    out.push('')
  }
  out.push(
    `${report.programs} programs: ${report.equal} equal (${percent(report.equal, report.programs)}), ${report.falseAccepts} false accepts, ` +
      `${report.falseRefusals} false refusals, ${report.unsupported} not modelled; ${report.skipped} skipped`,
    `${levels.map((level) => `same log at level ${level}: ${report.sameLog[level] ?? 0} (${percent(report.sameLog[level] ?? 0, report.programs)}); `).join('')}` +
      `both accept: ${report.bothAccept}, same instructions processed ${report.sameInsnsProcessed} (${percent(report.sameInsnsProcessed, report.bothAccept)}); ` +
      `both refuse: ${report.bothRefuse}, same last line ${report.sameLastLine} (${percent(report.sameLastLine, report.bothRefuse)})`,
    `time: Linux ${report.linuxMs} ms (with the system call), ours ${report.ourMs} ms${report.linuxMs === 0 ? '' : ` (${(report.ourMs / report.linuxMs).toFixed(1)}x)`}`,
    '',
  )
  return out.join('\n')
}
