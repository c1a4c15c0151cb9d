import { errnoText } from '../../../base/index.js'
import { type Fd, type Kernel, KernelError } from '../../../kernel/index.js'
import { tailSection } from '../../../spec/index.js'
import { readForever } from '../../commands/prog/tracelog.js'
import { pinCandidates } from '../iproute2/bpf-fs.js'
import { readSource } from '../iproute2/bpf-source.js'
import { type IprouteProgType, loadBpf } from '../iproute2/load-bpf.js'
import type { ToolContext } from '../iproute2/options.js'
import { ToolError } from '../iproute2/tool-error.js'
import { begins, ToolWords } from '../iproute2/words.js'

const USAGE = `Usage: ... bpf [ debug ]
       ... bpf [ graft MAP_FILE ] [ key KEY ]
          \`... [ object-file OBJ_FILE ] [ type TYPE ] [ section NAME ] [ verbose ]
          \`... [ object-pinned PROG_FILE ]

Where MAP_FILE points to a pinned map, OBJ_FILE to an object file
and PROG_FILE to a pinned program. TYPE can be {cls, act, xdp}, where
'cls' is default. KEY is optional and can be inferred from the
section name, otherwise it needs to be provided.`

const TYPES: Readonly<Record<string, IprouteProgType>> = {
  cls: 'sched_cls',
  classifier: 'sched_cls',
  act: 'sched_act',
  action: 'sched_act',
  xdp: 'xdp',
}

/** `tc exec bpf {debug | graft MAP …}`. */
export async function tcExec(kernel: Kernel, words: ToolWords, context: ToolContext): Promise<void> {
  const what = words.take()
  if (what !== 'bpf') return
  const verb = words.take()
  if (verb === undefined) return
  if (begins(verb, 'debug') || verb === 'dbg') return debug(kernel, context)
  if (begins(verb, 'graft')) return graft(kernel, words, context)
  throw new ToolError(USAGE)
}

/** Prints what programs print, until Ctrl-C. */
async function debug(kernel: Kernel, { host }: ToolContext): Promise<void> {
  const fd = kernel.call('trace_pipe_open', { turnOn: true })
  host.err('Running! Hang up with ^C!\n\n')
  await readForever(host, kernel, fd, (bytes) => host.out(bytes))
}

/** Puts a program into a pinned program array: `graft MAP [key K] obj FILE sec S`. */
function graft(kernel: Kernel, words: ToolWords, { host }: ToolContext): void {
  const file = words.value()
  let key: number | undefined
  if (words.peek() === 'key') {
    words.take()
    const word = words.value()
    if (!/^(0x[0-9a-f]+|\d+)$/i.test(word)) throw new ToolError(`Error: argument "${word}" is wrong: key\n`)
    key = Number(word)
  }
  const map = openMap(kernel, host, file)
  try {
    const info = kernel.call('obj_get_info_by_fd', { fd: map })
    const source = readSource(new ToolWords(words.rest))
    // An array of XDP programs takes no others: its type is that of its owner where none is said.
    const type = source.type === undefined ? undefined : TYPES[source.type]
    if (source.type !== undefined && type === undefined) throw new ToolError(`What type is "${source.type}"?`)
    using loaded = loadBpf(source, { kernel, host, type: type ?? 'sched_cls' })
    const index = key ?? tailSection(loaded.section ?? '')?.key
    if (index === undefined) {
      throw new ToolError("Couldn't infer map key from section name! Please provide 'key' argument!")
    }
    if (info.kind !== 'map') throw new ToolError(`Couldn't retrieve pinned map '${file}': ${errnoText(22)}`)
    const bytes = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer)
    try {
      kernel.call('map_update_elem', { mapFd: map, key: bytes(index), value: bytes(loaded.fd) })
    } catch (error) {
      if (!(error instanceof KernelError)) throw error
      throw new ToolError(`Map update failed: ${errnoText(error.errno)}`)
    }
  } finally {
    kernel.call('close', { fd: map })
  }
}

function openMap(kernel: Kernel, host: ToolContext['host'], file: string): Fd {
  let last: KernelError | undefined
  for (const pathname of pinCandidates(kernel, host, file)) {
    try {
      return kernel.call('obj_get', { pathname })
    } catch (error) {
      if (!(error instanceof KernelError)) throw error
      last ??= error
    }
  }
  throw new ToolError(`Couldn't retrieve pinned map '${file}': ${errnoText(last?.errno ?? 2)}`)
}
