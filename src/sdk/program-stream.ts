import type { Watch } from '../kernel/index.js'
import type { BpfProgram } from './bpf-program.js'
import { EventStream, type RecordsOptions } from './event-stream.js'
import { Handle } from './handle.js'

const CHUNK = 1 << 16
/** Kernels do not tell when a stream has got something, ms. */
const INTERVAL = 20

const STREAM_ID = { stdout: 1, stderr: 2 } as const

/**
 * A program's BPF stream as text: what it prints with bpf_stream_printk (stdout), what the kernel reports of it (stderr: faults
 * in arenas, time-outs of locks and may_goto). Linux 6.17 and later. Throws KernelError from the first `next()`.
 */
export function programStream(
  program: BpfProgram,
  stream: keyof typeof STREAM_ID,
  options: RecordsOptions = {},
): EventStream<string> {
  const { kernel } = program
  const handle = new Handle(kernel, kernel.call('dup', { fd: program.fd }))
  const decoder = new TextDecoder()
  return new EventStream<string>(
    {
      fill(batch) {
        const request = { progFd: handle.fd, streamId: STREAM_ID[stream], size: CHUNK }
        for (;;) {
          const bytes = kernel.call('prog_stream_read_by_fd', request)
          if (bytes.length === 0) return
          batch.push(decoder.decode(bytes, { stream: true }))
        }
      },
      watch: (ready) => ticking(ready),
      release: () => handle.close(),
      get closed() {
        return handle.closed
      },
    },
    options,
  )
}

function ticking(ready: () => void): Watch {
  let timer: unknown
  const stop = (): void => {
    clearTimeout(timer)
    timer = undefined
  }
  const start = (): void => {
    timer ??= setTimeout(() => {
      timer = undefined
      start()
      ready()
    }, INTERVAL)
  }
  start()
  return { ref: start, unref: stop, [Symbol.dispose]: stop }
}
