import { UsageError } from '../../base/index.js'
import type { Journey } from './journey-log.js'

type Test = (journey: Journey) => boolean

const KEYS = ['dev', 'hook', 'prog', 'verdict', 'reason', 'packet', 'text'] as const

/**
 * What `--filter` says: words that all must hold. `drop`, `pass`; `dev=`, `hook=`, `prog=`, `verdict=`, `reason=`, `packet=` with
 * a part of the name (`packet=` with the number), `text=` with a part of the packet's summary; `!` before a word: it must not hold.
 * Throws UsageError.
 */
export function journeyFilter(expression: string): Test {
  const tests = expression
    .split(/\s+/)
    .filter((word) => word !== '')
    .map(parse)
  return (journey) => tests.every((test) => test(journey))
}

function parse(word: string): Test {
  if (word.startsWith('!')) {
    const test = parse(word.slice(1))
    return (journey) => !test(journey)
  }
  const dropped: Test = ({ steps }) => steps.some(({ what }) => what === 'drop')
  if (word === 'drop') return dropped
  if (word === 'pass') return (journey) => !dropped(journey)
  const at = word.indexOf('=')
  const key = word.slice(0, at) as (typeof KEYS)[number]
  const wanted = word.slice(at + 1)
  if (at < 0 || !KEYS.includes(key)) {
    throw new UsageError(
      `--filter knows no '${word}'`,
      `words are drop, pass and ${KEYS.map((one) => `${one}=`).join(', ')}`,
    )
  }
  const has = (text: string | undefined): boolean => text?.toLowerCase().includes(wanted.toLowerCase()) === true
  switch (key) {
    case 'packet':
      return ({ packet }) => packet === Number(wanted)
    case 'text':
      return ({ summary }) => has(summary)
    case 'dev':
      return ({ steps }) => steps.some(({ device }) => device === wanted)
    case 'prog':
      return ({ steps }) => steps.some(({ program }) => has(program?.name) || program?.id === Number(wanted))
    default:
      return ({ steps }) => steps.some((step) => has(step[key]))
  }
}
