import { readdirSync } from 'node:fs'
import { KernelError } from '../../../kernel/index.js'
import type { Noun, VerbContext } from '../../noun/verb.js'

/** What a descriptor of a perf event runs a program on (enum bpf_task_fd_type). */
const FD_TYPES = ['raw_tracepoint', 'tracepoint', 'kprobe', 'kretprobe', 'uprobe', 'uretprobe'] as const

/** `perf …` of bpftool: which processes hold tracepoints and probes with programs. `skep perf` is another command. */
export const PERF_NOUN: Noun = {
  name: 'perf',
  summary: 'list tracepoints and probes that processes run programs on',
  verbs: [{ names: ['show', 'list'], words: '', summary: 'list them by process and descriptor', run: showPerf }],
}

interface Row {
  readonly pid: number
  readonly fd: number
  readonly prog_id: number
  readonly fd_type: string
  readonly [field: string]: unknown
}

function showPerf(context: VerbContext): void {
  const { words, kernel } = context
  words.end()
  const rows = kernel.name === 'linux' ? [...perfFds(context)] : []
  context.answer(rows, rows.map(format).join('\n'))
}

function* perfFds({ kernel }: VerbContext): Generator<Row> {
  for (const pid of numbers('/proc')) {
    for (const fd of numbers(`/proc/${pid}/fd`)) {
      try {
        const { progId, fdType, name, probeOffset, probeAddr } = kernel.call('task_fd_query', { pid, fd })
        const type = FD_TYPES[fdType] ?? `type ${fdType}`
        const place =
          fdType < 2
            ? { tracepoint: name }
            : fdType < 4
              ? name === ''
                ? { addr: probeAddr, offset: probeOffset }
                : { func: name, offset: probeOffset }
              : { filename: name, offset: probeOffset }
        yield { pid, fd, prog_id: progId, fd_type: type, ...place }
      } catch (error) {
        if (!(error instanceof KernelError)) throw error
      }
    }
  }
}

function numbers(folder: string): number[] {
  try {
    return readdirSync(folder)
      .map(Number)
      .filter((number) => Number.isInteger(number))
  } catch {
    return []
  }
}

function format({ pid, fd, prog_id, fd_type, ...place }: Row): string {
  const words = Object.entries(place).map(([name, value]) =>
    name === 'tracepoint' || name === 'func' || name === 'filename' ? String(value) : `${name} ${value}`,
  )
  const title = 'filename' in place ? `${words[0]}  ${words.slice(1).join('  ')}` : words.join('  ')
  return `pid ${pid}  fd ${fd}: prog_id ${prog_id}  ${fd_type}  ${title}`.trimEnd()
}
