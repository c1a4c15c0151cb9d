import { BPF_PSEUDO_CALL, type Insn, insnSlots } from '../../../isa/index.js'
import type { Kernel, ProgInfo } from '../../../kernel/index.js'
import { CommandError } from '../../noun/command-error.js'
import { xlatedTexts } from './xlated.js'

interface Row {
  readonly insn: Insn
  readonly text: string
  readonly hex: string
}

interface Block {
  readonly rows: readonly Row[]
  /** Numbers of the blocks that follow: the one below first. */
  readonly next: readonly number[]
}

/** Numbers of a function's entry and exit; its blocks count on from there. */
const ENTRY = 0
const EXIT = 1
const FIRST = 2

const CALL = 0x85
const CLASS_JMP = 5
const CLASS_JMP32 = 6
const OP_JA = 0x00
const OP_CALL = 0x80
const OP_EXIT = 0x90

/** A program's control flow as a graph for Graphviz, as bpftool draws it. */
export function visualXlated(kernel: Kernel, info: ProgInfo, opcodes: boolean): string {
  const rows = xlatedTexts(kernel, info)
  const parts = ['digraph "DOT graph for eBPF program" {']
  for (const [index, func] of functionsOf(rows).entries()) parts.push(drawFunction(index, func, opcodes))
  parts.push('}')
  return parts.join('\n')
}

/** The program cut at its subprograms, in order of address. */
function functionsOf(rows: readonly Row[]): Row[][] {
  const starts = new Set([0])
  for (const { insn } of rows) {
    // Compiled programs have the distance in `off` (and the subprogram's number in `imm`), others in `imm`.
    if (insn.code === CALL && insn.src === BPF_PSEUDO_CALL) starts.add(insn.pc + 1 + (insn.off || insn.imm))
  }
  const functions: Row[][] = []
  for (const row of rows) {
    if (starts.has(row.insn.pc) || functions.length === 0) functions.push([])
    functions.at(-1)?.push(row)
  }
  return functions
}

function jumps({ code }: Insn): 'no' | 'always' | 'maybe' | 'exit' {
  const group = code & 7
  const op = code & 0xf0
  if ((group !== CLASS_JMP && group !== CLASS_JMP32) || op === OP_CALL) return 'no'
  if (op === OP_EXIT) return 'exit'
  return op === OP_JA ? 'always' : 'maybe'
}

function targetOf({ pc, code, off, imm }: Insn): number {
  // A long jump has its distance in the immediate.
  return pc + 1 + (code === (CLASS_JMP32 | OP_JA) ? imm : off)
}

function blocksOf(rows: readonly Row[]): Block[] {
  const heads = new Set<number>()
  for (const { insn } of rows) {
    const kind = jumps(insn)
    if (kind === 'no') continue
    if (kind !== 'exit') heads.add(targetOf(insn))
    heads.add(insn.pc + insnSlots(insn))
  }
  const groups: Row[][] = []
  for (const row of rows) {
    if (groups.length === 0 || heads.has(row.insn.pc)) groups.push([])
    groups.at(-1)?.push(row)
  }
  const numberAt = new Map(groups.map((group, index) => [group[0]?.insn.pc, index + FIRST]))
  return groups.map((group, index) => {
    const last = group.at(-1) as Row
    const below = index + 1 < groups.length ? index + 1 + FIRST : EXIT
    const target = (): number => numberAt.get(targetOf(last.insn)) ?? EXIT
    switch (jumps(last.insn)) {
      case 'always':
        return { rows: group, next: [target()] }
      case 'maybe':
        return { rows: group, next: [below, target()] }
      default:
        return { rows: group, next: [below] }
    }
  })
}

function drawFunction(index: number, rows: readonly Row[], opcodes: boolean): string {
  const blocks = blocksOf(rows)
  const start = rows[0]?.insn.pc ?? 0
  const node = (number: number): string => `fn_${index}_bb_${number}`
  const edge = (from: number, to: number): string =>
    `\t${node(from)}:s -> ${node(to)}:n [style="solid,bold", color=black, weight=10, constraint=true];`
  const drawBlock = (block: Block, at: number): string => {
    const lines = block.rows.map(({ insn, text, hex }) => {
      const bytes = opcodes ? `\\ \\ \\ \\ ${hex.replaceAll(' ', '\\ ')}\\l\\\n` : ''
      return `${String(insn.pc - start).padStart(4)}: ${text.replace(/[<>|&]/g, '\\$&')}\\l\\\n${bytes}`
    })
    return `\t${node(at + FIRST)} [shape=record,style=filled,label="{${lines.join(' | ')}}"];\n`
  }
  return [
    `subgraph "cluster_${index}" {`,
    '\tstyle="dashed";',
    '\tcolor="black";',
    `\tlabel="func_${index} ()";`,
    `\t${node(ENTRY)} [shape=Mdiamond,style=filled,label="ENTRY"];`,
    '',
    ...blocks.map(drawBlock),
    `\t${node(EXIT)} [shape=Mdiamond,style=filled,label="EXIT"];`,
    '',
    edge(ENTRY, FIRST),
    ...blocks.flatMap((block, at) => block.next.map((to) => edge(at + FIRST, to))),
    `\t${node(ENTRY)}:s -> ${node(EXIT)}:n [style="invis", constraint=true];`,
    '}',
  ].join('\n')
}

/** A graph's picture. The renderer is an optional dependency: it is larger than the rest. */
export async function renderSvg(dot: string): Promise<string> {
  let viz: { instance(): Promise<{ renderString(text: string, options: { format: string }): string }> }
  try {
    const name: string = '@viz-js/viz'
    viz = await import(name)
  } catch (error) {
    throw new CommandError('no renderer for graphs', {
      hint: "npm install @viz-js/viz, or pipe the DOT text into Graphviz' dot",
      cause: error,
    })
  }
  const renderer = await viz.instance()
  return renderer.renderString(dot, { format: 'svg' })
}
