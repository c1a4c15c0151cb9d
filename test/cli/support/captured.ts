import { resolve } from 'node:path'
import { runCli } from '#src/cli/program.js'
import type { Kernel } from '#src/kernel/index.js'

export interface Outcome {
  readonly stdout: string
  readonly stderr: string
  readonly status: number
}

/** Runs a command line in this process, on a kernel of the caller's; what it prints is kept. */
export async function captured(
  argv: readonly string[],
  openKernel: () => Kernel,
  kernel = 'embedded',
): Promise<Outcome> {
  let stdout = ''
  let stderr = ''
  const decode = (data: string | Uint8Array): string =>
    typeof data === 'string' ? data : new TextDecoder().decode(data)
  const status = await runCli(argv, {
    cwd: process.cwd(),
    env: { SKEP_KERNEL: kernel, NO_COLOR: '1' },
    terminal: { stdout: false, stderr: false },
    signal: new AbortController().signal,
    stays: kernel === 'embedded',
    exitStatus: 0,
    out: (data) => {
      stdout += decode(data)
    },
    err: (data) => {
      stderr += data
    },
    stdin: async () => new Uint8Array(),
    drained: async () => undefined,
    wait: (promise) => promise,
    resolve: (path) => resolve(path),
    elsewhere: () => 127,
    openKernel,
  })
  return { stdout, stderr, status }
}

/** A file of words, a command a line: `$X` is replaced, `#` begins a comment. */
export function wordsOf(text: string, places: Readonly<Record<string, string>>): string[][] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.replace(/\$[A-Z]/g, (name) => places[name.slice(1)] ?? name).split(/ +/))
}

/** What depends on the moment, and what our texts are newer in. */
export function withoutMoment(text: string): string {
  return (
    text
      // Text of Linux after 6.7, which bpftool 7.1 does not know: a per-CPU address.
      .replace(/\\?&\(void __percpu \*\)\((r\d)\)/g, '$1')
      .replace(/loaded_at \S+/g, 'loaded_at T')
      .replace(/"loaded_at": ?\d+/g, '"loaded_at":0')
      .replace(/duration( \(average\))?: \d+ns/g, 'duration$1: Nns')
      .replace(/"duration": ?\d+/g, '"duration":0')
  )
}

/** Usage texts are our own; what else is said must be the same. */
export function withoutUsage(text: string): string {
  return text.replace(/^Usage:[\s\S]*/m, 'Usage')
}

/** Without what differs from kernel to kernel: ids, places, and how long a program is once it is compiled. */
export function withoutIds(text: string, words: string): string {
  const plain = withoutMoment(text)
    .replace(/^(\d+): (?=\S+ {2}|\S+ {2}name)/gm, 'N: ')
    .replace(/\b(map_ids|prog_ids) [\d,]+/g, '$1 N')
    .replace(/\b(btf_id|prog|id) \d+/g, '$1 N')
    .replace(/"(id|btf_id|prog_id)": ?\d+/g, '"$1":0')
    .replace(/"(map_ids|prog_ids)": ?\[[^\]]*\]/g, '"$1":[]')
    .replace(/xlated \d+B {2}jited \d+B {2}memlock \d+B/g, 'xlated NB  jited NB  memlock NB')
    .replace(/"(bytes_xlated|bytes_jited)": ?\d+/g, '"$1":0')
    .replace(/\bcall (\w+)#-?\d+/g, 'call $1#N')
    .replace(/map\[id:\d+\]/g, 'map[id:N]')
    // Functions' own tags are Linux's alone.
    .replace(/#bpf_prog_[0-9a-f]{16}_/g, '#')
  // Elements that are ids.
  if (!/\/(pa|aom)( |$)/.test(words)) return plain
  return plain.replace(/value: ([0-9a-f]{2} ?)+/g, 'value: ID').replace(/"value": ?\[[^\]]*\]/g, '"value":[]')
}

/** What the embedded kernel is not compared in with what bpftool printed on Linux: words, and why. */
export const LEFT_OUT: readonly (readonly [RegExp, string])[] = [
  [/^(-. )?prog dump xlated pinned \S+ opcodes/, 'bytes hold addresses and ids'],
  [/^(-. )?cgroup .*\$C/, 'there are no cgroup folders'],
  [/^(-. )*(link show pinned \$B\/it|iter pin test)/, 'there are no iterators over tasks'],
  [
    /^prog attach pinned \$B\/p sk_msg|^prog detach pinned \$B\/p sk_msg/,
    'there is nothing to attach socket programs to',
  ],
  [/^(-. )?map dump pinned \$B\/(pe|bl|rb|st)$/, 'what a map that cannot be listed answers'],
  [/^(-. )?prog show id$|^btf dump file/, 'about files of the machine'],
]
