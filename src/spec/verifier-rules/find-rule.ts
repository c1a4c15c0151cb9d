// Which rule a message of the verifier belongs to.

import { CALL_RULES } from './calls.js'
import { MAP_RULES } from './maps.js'
import { PACKET_RULES } from './packets.js'
import { POINTER_RULES } from './pointers.js'
import { PROGRAM_RULES } from './program.js'
import type { VerifierRule } from './rule.js'
import { STACK_RULES } from './stack.js'
import { VALUE_RULES } from './values.js'

/** All rules, by area. */
export const VERIFIER_RULES = {
  values: VALUE_RULES,
  pointers: POINTER_RULES,
  stack: STACK_RULES,
  packets: PACKET_RULES,
  maps: MAP_RULES,
  calls: CALL_RULES,
  program: PROGRAM_RULES,
} as const satisfies Readonly<Record<string, readonly VerifierRule[]>>

export interface RuleMatch {
  readonly rule: VerifierRule
  /** The register the message names; undefined where it names none. */
  readonly register: number | undefined
}

interface Pattern {
  readonly rule: VerifierRule
  readonly regexp: RegExp
  /** Characters that are not left open: of several patterns that fit, the one that says most counts. */
  readonly literal: number
}

const PARTS: Readonly<Record<string, string>> = { '%d': '-?(?:0x[0-9a-f]+|\\d+)', '%s': '.*?', '%R': 'R(\\d+)' }

let patterns: readonly Pattern[] | undefined

function allPatterns(): readonly Pattern[] {
  patterns ??= Object.values(VERIFIER_RULES)
    .flat()
    .flatMap((rule: VerifierRule) =>
      rule.messages.map((message) => ({
        rule,
        regexp: new RegExp(
          `^${message
            .split(/(%[dsR])/)
            .map((part) => PARTS[part] ?? part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
            .join('')}$`,
        ),
        literal: message.replace(/%s/g, '').replace(/%[dR]/g, '#').length,
      })),
    )
    .sort((a, b) => b.literal - a.literal)
  return patterns
}

/** The rule of one line of the verifier's; undefined for a line that is no refusal's. */
export function ruleOfMessage(line: string): RuleMatch | undefined {
  const text = line.trim()
  if (text === '' || text.length > 1000) return undefined
  for (const { rule, regexp } of allPatterns()) {
    const match = regexp.exec(text)
    if (match === null) continue
    const register = match[1] ?? /^R(\d+)\b/.exec(text)?.[1]
    return { rule, register: register === undefined ? undefined : Number(register) }
  }
  return undefined
}

/** A rule by its id. */
export function ruleById(id: string): VerifierRule | undefined {
  for (const rules of Object.values(VERIFIER_RULES)) for (const rule of rules) if (rule.id === id) return rule
  return undefined
}

const NOT_TELLING = /^(processed \d+ insns|verification time|stack depth|max_states|cur state:|old state:|$)/

/**
 * The line of a verifier log that says why the program was refused: the last one, but for the statistics and the states that
 * Linux prints behind some messages. '' for a log that holds none.
 */
export function tellingLine(log: string): string {
  const lines = log.trimEnd().split('\n')
  const line = lines.findLast((each) => !NOT_TELLING.test(each)) ?? ''
  // One message of Linux's ends without a new line.
  return line.replace(/processed \d+ insns \(limit .*$/, '')
}
