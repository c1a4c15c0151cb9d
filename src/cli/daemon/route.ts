import { isToolName, type ToolName } from '../tools/names.js'

/** Nouns and tools that work on a kernel, and so on the one that stays where one is up. */
const ON_KERNEL: ReadonlySet<string> = new Set([
  'prog',
  'map',
  'link',
  'btf',
  'feature',
  'net',
  'cgroup',
  'iter',
  'struct_ops',
  'perf',
  'trace',
])

export interface Route {
  /** The command without what only chooses the kernel. */
  readonly args: readonly string[]
  /** A tool's name, where the command is one. */
  readonly tool: ToolName | undefined
  /** The kernel that is asked for: SKEP_KERNEL's, where the command names none. */
  readonly kernel: string
  /** Does it work on a kernel, so that one that stays is to be asked? */
  readonly onKernel: boolean
}

/**
 * Reads what stands before a command: `skep [--kernel K] [--as TOOL | TOOL] …`. The tools' own grammars know no --kernel, so that it
 * is taken directly behind their names too.
 */
export function routeOf(argv: readonly string[], env: Readonly<Record<string, string | undefined>>): Route {
  let at = 0
  let kernel = env.SKEP_KERNEL ?? 'embedded'
  let tool: ToolName | undefined
  for (;;) {
    const word = argv[at]
    const value = argv[at + 1]
    if (word === '--kernel' && value !== undefined) {
      kernel = value
      at += 2
    } else if (word?.startsWith('--kernel=')) {
      kernel = word.slice(9)
      at++
    } else if (tool === undefined && word === '--as' && isToolName(value)) {
      tool = value
      at += 2
    } else if (tool === undefined && isToolName(word)) {
      tool = word
      at++
    } else break
  }
  const args = argv.slice(at)
  if (tool === undefined) {
    for (const [index, word] of args.entries()) {
      if (word === '--kernel') kernel = args[index + 1] ?? kernel
      else if (word.startsWith('--kernel=')) kernel = word.slice(9)
    }
  }
  return { args, tool, kernel, onKernel: tool !== undefined || ON_KERNEL.has(args[0] ?? '') }
}
