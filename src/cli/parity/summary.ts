// What is kept of a judgement: logs are large, what is said of them is little.

import { ruleOfMessage, tellingLine } from '../../spec/index.js'
import type { Judgement } from './judge.js'

export type Agreement = 'equal' | 'false accept' | 'false refusal' | 'unsupported'

export interface ProgramSummary {
  readonly file: string
  readonly program: string
  readonly type: string
  readonly insns: number
  readonly agreement: Agreement
  readonly linux: 'accept' | 'reject'
  /** The last telling lines; '' for an accept. */
  readonly linuxMessage: string
  readonly ourMessage: string
  /** The rule of Linux's message. */
  readonly ruleId: string | undefined
  readonly sameLastLine: boolean
  readonly sameInsnsProcessed: boolean
  readonly insnsProcessed: number
  /** By log level: is the whole log the same? */
  readonly sameLog: Readonly<Record<number, boolean>>
  readonly linuxMs: number
  readonly ourMs: number
}

export function agreementOf({ linux, ours }: Judgement): Agreement {
  if (linux.ok === ours.ok) return 'equal'
  if (ours.ok) return 'false accept'
  return ours.diagnostics[0]?.unsupported ? 'unsupported' : 'false refusal'
}

/** What of two logs is compared: all but times and the kernel's own addresses. */
export function comparableLog(log: string): string[] {
  return log
    .trimEnd()
    .split('\n')
    .filter((line) => !/^(verification time|stack depth)/.test(line))
    .map((line) => line.replace(/\(18\) r(\d) = 0x[0-9a-f]+/, '(18) r$1 = …').replace(/(\(18\) r\d = …) +;/, '$1 ;'))
}

const sameText = (linux: string, ours: string): boolean =>
  comparableLog(linux).join('\n') === comparableLog(ours).join('\n')

const processed = (log: string): string | undefined => /processed (\d+) insns/.exec(log)?.[1]

export function summaryOf(each: Judgement, logLevel: number): ProgramSummary {
  const { file, program, type, insns, linux, ours, otherLogs } = each
  const sameLog: Record<number, boolean> = {}
  if (logLevel > 0) sameLog[logLevel] = sameText(linux.log, ours.log)
  for (const other of otherLogs) sameLog[other.level] = sameText(other.linux, other.ours)
  const ourMessage = ours.ok ? '' : tellingLine(ours.log) || (ours.diagnostics[0]?.message ?? '')
  return {
    ...{ file, program, type, insns, agreement: agreementOf(each), linux: linux.ok ? 'accept' : 'reject' },
    ...{ linuxMessage: linux.message, ourMessage },
    ruleId: linux.ok ? undefined : ruleOfMessage(linux.message)?.rule.id,
    sameLastLine: linux.message === ourMessage,
    sameInsnsProcessed: processed(linux.log) !== undefined && processed(linux.log) === processed(ours.log),
    insnsProcessed: ours.stats.insnsProcessed,
    ...{ sameLog, linuxMs: linux.ms, ourMs: ours.ms },
  }
}
