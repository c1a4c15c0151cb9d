import type { Socket } from 'node:net'
import { resolve } from 'node:path'
import { UsageError } from '../../base/index.js'
import { type EmbeddedKernel, embedded } from '../../embedded/index.js'
import type { CommandHost } from '../host/host.js'
import { sendFrame } from './frames.js'
import type { RunRequest } from './protocol.js'
import type { Turns } from './turns.js'

/** Bytes of standard input that a command may be sent. */
const MAX_STDIN = 1 << 30

/** The host of a command inside the kernel that stays, whose terminal is at the other end of a socket. */
export class RemoteHost implements CommandHost {
  readonly cwd: string
  readonly env: CommandHost['env']
  readonly terminal: CommandHost['terminal']
  readonly stays = true
  exitStatus = 0
  readonly #socket: Socket
  readonly #kernel: EmbeddedKernel
  readonly #turns: Turns
  readonly #abort = new AbortController()
  readonly #input: Uint8Array[] = []
  #inputSize = 0
  #inputEnded: (() => void) | undefined
  #wholeInput: Promise<Uint8Array> | undefined

  constructor(socket: Socket, request: RunRequest, kernel: EmbeddedKernel, turns: Turns) {
    this.cwd = request.cwd
    this.env = request.env
    this.terminal = request.terminal
    this.#socket = socket
    this.#kernel = kernel
    this.#turns = turns
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /** Ctrl-C, or nobody is there any more. */
  interrupt(): void {
    this.#abort.abort()
    this.#inputEnded?.()
  }

  takeInput(piece: Uint8Array): void {
    this.#inputSize += piece.length
    if (this.#inputSize > MAX_STDIN) this.interrupt()
    else this.#input.push(new Uint8Array(piece))
  }

  endInput(): void {
    this.#inputEnded?.()
  }

  out(data: string | Uint8Array): void {
    if (data.length > 0 && this.#socket.writable) sendFrame(this.#socket, 'O', data)
  }

  err(data: string): void {
    if (data.length > 0 && this.#socket.writable) sendFrame(this.#socket, 'X', data)
  }

  stdin(): Promise<Uint8Array> {
    this.#wholeInput ??= this.wait(
      new Promise<void>((ended) => {
        this.#inputEnded = ended
        if (this.signal.aborted) ended()
        else sendFrame(this.#socket, 'Q')
      }),
    ).then(() => new Uint8Array(Buffer.concat(this.#input)))
    return this.#wholeInput
  }

  drained(): Promise<void> {
    if (!this.#socket.writableNeedDrain) return Promise.resolve()
    return this.wait(
      new Promise<void>((done) => {
        this.#socket.once('drain', done)
        this.signal.addEventListener('abort', () => done(), { once: true })
      }),
    )
  }

  async wait<T>(promise: Promise<T>): Promise<T> {
    this.#turns.give()
    try {
      return await promise
    } finally {
      await this.#turns.take()
    }
  }

  resolve(path: string): string {
    return resolve(this.cwd, path)
  }

  elsewhere(command: string, args: readonly string[]): number {
    sendFrame(this.#socket, 'D', JSON.stringify([command, ...args]))
    return 0
  }

  openKernel(name: string): ReturnType<CommandHost['openKernel']> {
    if (name === 'fresh') return embedded()
    if (name === 'linux')
      throw new UsageError('a kernel that stays is an embedded one', 'commands for Linux are not sent to it')
    return this.#kernel.fork()
  }
}
