import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { CommandHost } from '#src/cli/host/host.js'
import { runCli } from '#src/cli/program.js'
import type { Kernel } from '#src/kernel/index.js'

/** One command of a transcript, and what it printed (both streams, in their order), its exit status in brackets at the end. */
export interface Step {
  readonly line: number
  readonly command: string
  readonly output: string
}

/** Reads a transcript: `$ ` begins a command, `# ` a comment, the rest is output. */
export function readTranscript(file: string): Step[] {
  const steps: { line: number; command: string; output: string }[] = []
  for (const [index, text] of readFileSync(file, 'utf8').split('\n').entries()) {
    const last = steps.at(-1)
    if (text.startsWith('$ ')) steps.push({ line: index + 1, command: text.slice(2), output: '' })
    else if (last === undefined || text.startsWith('# ')) continue
    else last.output += `${text}\n`
  }
  return steps.map((step) => ({ ...step, output: step.output.replace(/\n+$/, '\n').replace(/^\n$/, '') }))
}

/** Words of a command line, with single and double quotes. */
export function splitWords(text: string): string[] {
  return [...text.matchAll(/(?:[^\s'"]+|'[^']*'|"[^"]*")+/g)].map(([word]) =>
    word.replace(/'([^']*)'|"([^"]*)"/g, (_, single?: string, double?: string) => single ?? double ?? ''),
  )
}

export interface Place {
  /** Folder that relative names are in. */
  readonly cwd: string
  /** The kernel that every command gets a session of. */
  openKernel(): Kernel
  readonly env?: Readonly<Record<string, string>>
  /** Runs what is the machine's own business, where the kernel is the machine's. */
  elsewhere?(command: string, args: readonly string[]): string
}

/** Runs one command line with our tools; `| grep PATTERN` behind it filters. */
export async function runLine(command: string, place: Place): Promise<string> {
  const [line = '', ...filters] = command.split(' | ')
  let output = ''
  const decoder = new TextDecoder()
  let env: Readonly<Record<string, string>> = { ...place.env, NO_COLOR: '1' }
  let words = splitWords(line)
  while (/^[A-Z_]+=/.test(words[0] ?? '')) {
    const [name = '', ...value] = (words[0] as string).split('=')
    env = { ...env, [name]: value.join('=') }
    words = words.slice(1)
  }
  // As coreutils do: the command is interrupted then.
  let patience = 60_000
  if (words[0] === 'timeout') {
    patience = Number(words[1]) * 1000
    words = words.slice(2)
  }
  const abort = new AbortController()
  const timer = setTimeout(() => abort.abort(), patience)
  let inside: readonly string[] | undefined
  const host: CommandHost = {
    cwd: place.cwd,
    env,
    terminal: { stdout: false, stderr: false },
    signal: abort.signal,
    stays: false,
    exitStatus: 0,
    out: (data) => {
      output += typeof data === 'string' ? data : decoder.decode(data)
    },
    err: (data) => {
      output += data
    },
    stdin: async () => new Uint8Array(),
    drained: async () => undefined,
    wait: (promise) => promise,
    resolve: (path) => resolve(place.cwd, path),
    elsewhere: (name, args) => {
      inside = [name, ...args]
      return 0
    },
    openKernel: () => place.openKernel(),
  }
  let status = 0
  try {
    if (words[0] !== 'sleep') status = await runCli(words[0] === 'skep' ? words.slice(1) : words, host)
  } finally {
    clearTimeout(timer)
  }
  // What `ip netns exec` runs where the user is: our tools again, with its environment.
  if (inside !== undefined && place.elsewhere !== undefined) {
    output += place.elsewhere(inside[0] ?? '', inside.slice(1))
  } else if (inside?.[0] === 'env') {
    const text = await runLine(
      inside
        .slice(1)
        .map((word) => `'${word}'`)
        .join(' ')
        .replace(/^'([A-Z_]+=[^']*)'/, '$1'),
      place,
    )
    output += text
    status = 0
    // The machine's own mounts are nobody's business here.
  } else if (inside !== undefined && inside[0] !== 'mount') throw new Error(`not ours: ${inside.join(' ')}`)
  for (const filter of filters) {
    const [tool, pattern = ''] = splitWords(filter)
    if (tool !== 'grep') throw new Error(`no filter: ${filter}`)
    output = output
      .split('\n')
      .filter((one) => one.includes(pattern))
      .map((one) => `${one}\n`)
      .join('')
    status = output === '' ? 1 : 0
  }
  return status === 0 ? output : `${output}[${status}]\n`
}

/** What depends on the moment or the machine: ids, times. */
export function normalise(text: string): string {
  return (
    text
      .replace(/\b(id|btf_id|prog_id|map_ids|btf_id:) \d+(,\d+)*/g, '$1 N')
      .replace(/"(id|btf_id)": ?\d+/g, '"$1":N')
      .replace(/^\d+: (?=array|hash|prog_array|xdp|sched_cls)/gm, 'N: ')
      .replace(/(xdp\w*\/id:)\d+/g, '$1N')
      .replace(/load_time \d+/g, 'load_time T')
      .replace(/"load_time": ?\d+/g, '"load_time":T')
      // Linux gives a veth as many queues as there are CPUs.
      .replace(/(num_?[tr]x_?queues"?:? ?)\d+/g, '$1Q')
      .replace(/^ffffffff[0-9a-f]{8} /gm, 'ADDRESS ')
      .replace(/jited \d+B/g, 'jited NB')
      .replace(/loaded_at \S+/g, 'loaded_at T')
      .replace(/ {2}memlock \d+B/g, '')
      .replace(/\btime( |=)[\d.]+ ?ms/g, 'time$1T ms')
      .replace(/^rtt .*$/gm, 'rtt T')
      .replace(/^ *\S+-\d+ +\[\d+\] \S+ +[\d.]+: /gm, 'TASK [CPU] T: ')
      .replace(/\n+$/, '\n')
      .replace(/^\n$/, '')
  )
}
