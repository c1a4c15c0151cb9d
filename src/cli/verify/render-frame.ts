// An explanation as people read it: the source lines involved, with what happened on each.

import type { Colors } from 'picocolors/types.js'
import type { CausalStep, Explanation } from '../../verifier/index.js'

/** What a frame is about. */
export interface FrameTitle {
  readonly file: string
  readonly program: string
  readonly type: string
}

interface Row {
  readonly label: string
  readonly text: string
  /** Where the marker stands in `text`. */
  readonly column: number
  readonly width: number
  readonly events: { readonly text: string; readonly fault: boolean; readonly pc: number }[]
}

/** One row a source line (or an instruction, without source), in the order things happened. */
function rowsOf(steps: readonly CausalStep[]): Row[] {
  const rows: (Row & { key: string })[] = []
  for (const step of steps) {
    const { source } = step
    const known = source !== undefined && source.text !== ''
    const indent = known ? source.text.length - source.text.trimStart().length : 0
    const text = known ? source.text.trim() : step.insn
    const key = known ? `${source.file}:${source.line}:${source.text}` : `pc ${step.pc}`
    const event = { text: step.text, fault: step.kind === 'fault', pc: step.pc }
    const last = rows.at(-1)
    if (last?.key === key && last.column === columnOf(step, indent, text)) {
      last.events.push(event)
      continue
    }
    const column = columnOf(step, indent, text)
    const width = known ? wordAt(text, column) : text.length
    const label = known && source.line > 0 ? String(source.line) : known ? '' : String(step.pc)
    rows.push({ key, label, text, column, width, events: [event] })
  }
  return rows
}

function columnOf({ source }: CausalStep, indent: number, text: string): number {
  if (source === undefined || source.text === '' || source.column === 0) return 0
  return Math.max(0, Math.min(text.length - 1, source.column - 1 - indent))
}

/** Length of the word that begins at `column`, at least one. */
function wordAt(text: string, column: number): number {
  return Math.max(1, /^[\w.>-]*/.exec(text.slice(column))?.[0].length ?? 1)
}

function shortFile(file: string): string {
  return file.slice(file.lastIndexOf('/') + 1)
}

/** The explanation as text, without a final new line. */
export function renderFrame(explanation: Explanation, title: FrameTitle, color: Colors, width = 100): string {
  const { ruleId, message, source, pc, steps, missing, hottest } = explanation
  const out: string[] = []
  out.push(
    `${color.red(color.bold(`refused${ruleId === undefined ? '' : `[${ruleId}]`}`))}${color.bold(`: ${message}`)}`,
  )
  const where =
    source === undefined || source.line === 0 ? title.file : `${source.file.replace(/^\.\//, '')}:${source.line}`
  const at = pc === undefined ? '' : `, instruction ${pc}`
  out.push(`  ${color.blue('-->')} ${where} (${title.type} program '${title.program}'${at})`)
  const rows = rowsOf(steps)
  const gutter = Math.max(2, ...rows.map(({ label }) => label.length), ...hottest.map((line) => lineLabel(line).length))
  const bar = color.blue('|')
  const line = (label: string, text: string): void => {
    out.push(`${color.blue(label.padStart(gutter))} ${bar}${text === '' ? '' : ` ${text}`}`)
  }
  const files = new Set(steps.map((step) => step.source?.file ?? ''))
  let file = source?.file ?? ''
  if (rows.length > 0) line('', '')
  rows.forEach((row, i) => {
    const step = steps.find((each) => each.pc === row.events[0]?.pc)
    const of = step?.source?.file ?? ''
    if (files.size > 1 && of !== file && of !== '') {
      out.push(`${' '.repeat(gutter)} ${color.blue(':::')} ${shortFile(of)}`)
      file = of
    }
    line(row.label, row.text)
    marks(row, color, line, width - gutter - 3)
    const next = rows[i + 1]
    if (next !== undefined && Number(next.label) > Number(row.label) + 1)
      out.push(`${' '.repeat(gutter - 1)}${color.blue('...')}`)
  })
  if (hottest.length > 0) hot(explanation, color, line)
  if (rows.length > 0 || hottest.length > 0) line('', '')
  const note = (name: string, text: string): void => {
    const head = `${' '.repeat(gutter)} ${color.blue('=')} ${color.bold(`${name}:`)} `
    const indent = ' '.repeat(gutter + 5 + name.length)
    out.push(head + wrap(text, width - indent.length).join(`\n${indent}`))
  }
  if (missing !== undefined) note('missing', missing)
  if (explanation.title !== undefined) note('rule', explanation.title)
  if (explanation.hint !== undefined) note('hint', explanation.hint)
  if (explanation.check !== undefined) {
    const indent = ' '.repeat(gutter + 10)
    const text = explanation.check
      .replaceAll('\t', '    ')
      .split('\n')
      .map((each) => color.green(each))
      .join(`\n${indent}`)
    out.push(`${' '.repeat(gutter)} ${color.blue('=')} ${color.bold('check:')} ${text}`)
  }
  return out.join('\n')
}

function marks(row: Row, color: Colors, line: (label: string, text: string) => void, width: number): void {
  const fault = row.events.some((event) => event.fault)
  const paint = fault ? color.red : color.yellow
  const marker = (fault ? '^' : '-').repeat(row.width)
  const pad = ' '.repeat(row.column)
  const texts = row.events.flatMap((event) => wrap(event.text, Math.max(40, width - row.column - 2)))
  const [first = '', ...rest] = texts
  // Beside the marker where it fits, else below it.
  const beside = row.column + row.width + 1 + first.length <= width
  line('', `${pad}${paint(marker)}${beside ? ` ${paint(first)}` : ''}`)
  for (const text of beside ? rest : texts) line('', `${pad}${paint(text)}`)
}

const lineLabel = (hot: Explanation['hottest'][number]): string => String(hot.source?.line ?? hot.pc)

function hot({ hottest }: Explanation, color: Colors, line: (label: string, text: string) => void): void {
  line('', 'most of the instructions were processed in')
  for (const each of hottest) {
    const share = `${(each.share * 100).toFixed(1).padStart(5)} %`
    const text =
      each.source === undefined || each.source.text === '' ? `instruction ${each.pc}` : each.source.text.trim()
    line(lineLabel(each), `${color.yellow(share)}  ${String(each.insnsProcessed).padStart(9)}  ${text}`)
  }
}

/** Words in lines of at most `width` characters. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  lines.push(line)
  return lines
}
