import { statSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { runElsewhere } from './elsewhere.js'
import { readFrames, sendFrame } from './frames.js'
import { type DaemonRequest, type RunRequest, SENT_VARIABLES } from './protocol.js'
import { distrust, socketPath, stateFolder } from './state-folder.js'

// This file and what it imports is all that a command loads when a kernel is up: keep it small.

/** Milliseconds that a command has to end after Ctrl-C, before its command line leaves it alone. */
const PATIENCE = 500

export type Connected = { readonly socket: Socket } | { readonly refused: string }

/** A connection to this user's kernel; why not, where none is up. */
export function connectKernel(folder: string = stateFolder()): Promise<Connected> {
  const path = socketPath(folder)
  try {
    statSync(path)
  } catch {
    return Promise.resolve({ refused: 'no kernel is up' })
  }
  const problem = distrust(folder)
  if (problem !== undefined) return Promise.resolve({ refused: problem })
  return new Promise((done) => {
    const socket = connect(path)
    socket.once('connect', () => done({ socket }))
    socket.once('error', (error) => done({ refused: error.message }))
  })
}

/** Sends a command as it was typed, and is its terminal until it ends. The result is its exit status. */
export function runRemotely(socket: Socket, args: readonly string[], kernel: string): Promise<number> {
  const env: Record<string, string> = { SKEP_KERNEL: kernel }
  for (const name of SENT_VARIABLES) {
    const value = process.env[name]
    if (value !== undefined && name !== 'SKEP_KERNEL') env[name] = value
  }
  const request: RunRequest = {
    ask: 'run',
    args,
    cwd: process.cwd(),
    env,
    terminal: { stdout: process.stdout.isTTY === true, stderr: process.stderr.isTTY === true },
  }
  return converse(socket, request)
}

/** Asks, prints what comes (or hands it to `take`), and gives the exit status. */
export function converse(socket: Socket, request: DaemonRequest, take?: (piece: string) => void): Promise<number> {
  return new Promise((done) => {
    let status: number | undefined
    let instead: readonly string[] | undefined
    const interrupt = (): void => {
      sendFrame(socket, 'S')
      setTimeout(() => {
        status ??= 130
        socket.destroy()
      }, PATIENCE).unref()
    }
    // A reader that closed (`| head`) ends the command, without a word.
    process.stdout.on('error', () => {
      status = 0
      socket.destroy()
    })
    process.on('SIGINT', interrupt)
    readFrames(
      socket,
      (kind, payload) => {
        if (kind === 'O' && take !== undefined) take(payload.toString())
        else if (kind === 'O') print(socket, process.stdout, payload)
        else if (kind === 'X') print(socket, process.stderr, payload)
        else if (kind === 'Q') sendStdin(socket)
        else if (kind === 'D') instead = JSON.parse(payload.toString()) as string[]
        else if (kind === 'Z') status = Number(payload.toString())
      },
      () => socket.destroy(),
    )
    socket.on('error', () => undefined)
    socket.on('close', () => {
      process.off('SIGINT', interrupt)
      process.stdin.pause()
      if (status === undefined) process.stderr.write('skep: the kernel went away\n')
      const [command, ...args] = instead ?? []
      done(command === undefined ? (status ?? 1) : runElsewhere(command, args))
    })
    sendFrame(socket, 'R', JSON.stringify(request))
  })
}

function print(socket: Socket, stream: NodeJS.WriteStream, payload: Uint8Array): void {
  if (stream.write(payload)) return
  socket.pause()
  stream.once('drain', () => socket.resume())
}

function sendStdin(socket: Socket): void {
  const { stdin } = process
  stdin.on('data', (piece: Buffer) => {
    if (sendFrame(socket, 'I', piece)) return
    stdin.pause()
    socket.once('drain', () => stdin.resume())
  })
  stdin.once('end', () => void sendFrame(socket, 'E'))
  stdin.once('error', () => void sendFrame(socket, 'E'))
}
