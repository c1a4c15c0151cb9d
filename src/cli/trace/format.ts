import type { JourneyStep } from '../../embedded/index.js'
import type { Journey, TraceCounts } from './journey-log.js'

/** One step in words. */
export function stepText(step: JourneyStep): string {
  const parts = [step.hook, step.what]
  if (step.program !== undefined) parts.push(`${step.program.name} (id ${step.program.id})`)
  if (step.mode !== undefined) parts.push(step.mode)
  if (step.verdict !== undefined) parts.push(step.verdict)
  if (step.target !== undefined) parts.push(`-> ${step.target}`)
  if (step.reason !== undefined) parts.push(step.reason)
  if (step.changes !== undefined) parts.push(`changed ${changes(step)}`)
  if (step.note !== undefined) parts.push(`(${step.note})`)
  return parts.join(' ')
}

function changes({ changes: all = [] }: JourneyStep): string {
  const short = (hex: string): string => (hex.length > 24 ? `${hex.slice(0, 24)}…` : hex === '' ? 'nothing' : hex)
  const shown = all.slice(0, 4).map(({ offset, before, after }) => `${offset}: ${short(before)} to ${short(after)}`)
  return shown.join(', ') + (all.length > 4 ? ` and ${all.length - 4} more` : '')
}

export function journeyText({ packet, parent, summary, steps }: Journey): string {
  const width = Math.max(...steps.map(({ device }) => device.length))
  const from = parent === undefined ? '' : `  (copy of #${parent})`
  const lines = steps.map((step) => `    ${step.device.padEnd(width)}  ${stepText(step)}`)
  return `#${packet}  ${summary}${from}\n${lines.join('\n')}\n`
}

/** The comment of a packet in a pcapng: its way, device by device. */
export function journeyComment({ packet, steps }: Journey): string {
  return `#${packet}: ${steps.map((step) => `${step.device}: ${stepText(step)}`).join('; ')}`
}

export function countsText(counts: TraceCounts): string {
  const table = (title: string, map: ReadonlyMap<string, number>): string => {
    if (map.size === 0) return ''
    const rows = [...map].sort((a, b) => b[1] - a[1])
    const width = Math.max(...rows.map(([, count]) => String(count).length))
    return `${title}\n${rows.map(([name, count]) => `  ${String(count).padStart(width)}  ${name}`).join('\n')}\n`
  }
  return `${counts.packets} packets, ${counts.steps} steps
${table('verdicts', counts.verdicts)}${table('redirected to', counts.redirects)}${table('delivered', counts.delivered)}${table('dropped', counts.drops)}`
}

export function countsJson(counts: TraceCounts): object {
  const plain = (map: ReadonlyMap<string, number>): object => Object.fromEntries(map)
  return {
    packets: counts.packets,
    steps: counts.steps,
    verdicts: plain(counts.verdicts),
    redirects: plain(counts.redirects),
    delivered: plain(counts.delivered),
    drops: plain(counts.drops),
  }
}
