import { errorCode, type Fd, type Kernel } from '../../../kernel/index.js'
import type { CommandHost } from '../../host/host.js'
import { attempt } from '../../noun/command-error.js'
import type { VerbContext } from '../../noun/verb.js'

const CHUNK = 1 << 14

/** `prog tracelog`: the kernel's trace pipe, until Ctrl-C. */
export async function traceLog(context: VerbContext): Promise<void> {
  const { kernel, words, host, json, pretty } = context
  words.end()
  const fd = attempt("can't open trace pipe", () => kernel.call('trace_pipe_open', { turnOn: true }))
  const decoder = new TextDecoder()
  let rest = ''
  let first = true
  if (json) host.out('[')
  await readForever(host, kernel, fd, (bytes) => {
    const text = decoder.decode(bytes, { stream: true })
    if (!json) {
      host.out(text)
      return
    }
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      host.out(`${first ? '' : `,${pretty ? '\n' : ''}`}${JSON.stringify(line)}`)
      first = false
    }
  })
  if (json) host.out(']\n')
}

/** Hands out what a descriptor gives, as it comes, until the command is interrupted. Other commands have their turn meanwhile. */
export async function readForever(
  host: CommandHost,
  kernel: Kernel,
  fd: Fd,
  take: (bytes: Uint8Array) => void,
): Promise<void> {
  // One watch for all the time: each new one would tell of what was there before.
  let news = true
  let tell = (): void => undefined
  const wake = (): void => {
    news = true
    tell()
  }
  using _watch = kernel.watch(fd, wake, { gone: wake })
  host.signal.addEventListener('abort', wake)
  while (!host.signal.aborted) {
    news = false
    let bytes: Uint8Array | undefined
    try {
      bytes = kernel.call('read', { fd, size: CHUNK })
    } catch (error) {
      if (errorCode(error) !== 'EAGAIN') throw error
    }
    if (bytes?.length === 0) return
    if (bytes !== undefined) {
      take(bytes)
      await host.drained()
    } else if (!news) {
      await host.wait(
        new Promise<void>((done) => {
          tell = done
        }),
      )
    }
  }
}
