import { lstatSync, renameSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import type { EmbeddedKernel } from '../../embedded/index.js'
import { VERSION } from '../version.js'
import { connectKernel } from './client.js'
import { countObjects } from './count-objects.js'
import { readFrames, sendFrame } from './frames.js'
import type { DaemonRequest, DaemonStatus, RunRequest } from './protocol.js'
import { RemoteHost } from './remote-host.js'
import { writeSnapshot } from './snapshot-file.js'
import { makeStateFolder, socketPath } from './state-folder.js'
import { Turns } from './turns.js'

/** How often the kernel looks whether its socket is still the one that commands find. */
const LOOK_AROUND = 2000

export interface ServeOptions {
  readonly folder: string
  readonly kernel: EmbeddedKernel
  /** Runs one command line. */
  run(args: readonly string[], host: RemoteHost): Promise<number>
  /** Called when commands can come. */
  ready(): void
}

/**
 * Is the kernel that stays, until `skep down`, a signal, or until its folder or socket is gone. Resolves then. Throws an Error where
 * another one is up or the folder is not to be trusted.
 */
export async function serveKernel(options: ServeOptions): Promise<void> {
  const { folder, kernel } = options
  makeStateFolder(folder)
  const turns = new Turns()
  const since = new Date()
  let commands = 0
  let stop = (): void => undefined
  const stopped = new Promise<void>((done) => {
    stop = done
  })

  const answer = async (request: DaemonRequest, socket: Socket): Promise<void> => {
    await turns.take()
    try {
      if (request.ask === 'status') {
        const status = statusOf(kernel, { folder, since, commands })
        sendFrame(socket, 'O', `${JSON.stringify(status)}\n`)
      } else if (request.ask === 'snapshot') writeSnapshot(kernel, request.file)
      finish(socket, 0)
      if (request.ask === 'down') stop()
    } catch (error) {
      sendFrame(socket, 'X', `skep: ${(error as Error).message}\n`)
      finish(socket, 1)
    } finally {
      turns.give()
    }
  }

  const server = createServer((socket) => {
    let host: RemoteHost | undefined
    let asked = false
    socket.on('error', () => undefined)
    socket.on('close', () => host?.interrupt())
    readFrames(
      socket,
      (kind, payload) => {
        if (kind === 'R' && !asked) {
          asked = true
          const request = readRequest(payload)
          if (request === undefined) socket.destroy()
          else if (request.ask !== 'run') void answer(request, socket)
          else {
            commands++
            host = new RemoteHost(socket, request, kernel, turns)
            void runCommand(request, host, socket)
          }
        } else if (kind === 'I') host?.takeInput(payload)
        else if (kind === 'E') host?.endInput()
        else if (kind === 'S') host?.interrupt()
        else socket.destroy()
      },
      () => socket.destroy(),
    )
  })

  const runCommand = async (request: RunRequest, host: RemoteHost, socket: Socket): Promise<void> => {
    await turns.take()
    let status = 70
    try {
      // Whoever went away while others had their turn is not waiting for anything.
      status = socket.destroyed ? 130 : await options.run(request.args, host)
    } catch (error) {
      host.err(`skep: internal error: ${(error as Error)?.stack ?? String(error)}\n`)
    } finally {
      turns.give()
    }
    finish(socket, status)
  }

  const inode = await listen(server, folder)
  const watch = setInterval(() => {
    if (inodeOf(socketPath(folder)) !== inode) stop()
  }, LOOK_AROUND)
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, stop)
  options.ready()
  await stopped
  clearInterval(watch)
  server.close()
  if (inodeOf(socketPath(folder)) === inode) rmSync(socketPath(folder), { force: true })
}

function finish(socket: Socket, status: number): void {
  if (!socket.writable) return
  sendFrame(socket, 'Z', String(status))
  socket.end()
}

/** Listens under a name of its own, then takes the name that commands know: never two kernels behind one name. */
async function listen(server: ReturnType<typeof createServer>, folder: string): Promise<number> {
  const found = await connectKernel(folder)
  if ('socket' in found) {
    found.socket.destroy()
    throw new Error(`a kernel is up already in ${folder} ('skep down' ends it)`)
  }
  const own = join(folder, `${process.pid}.sock`)
  const mask = process.umask(0o177)
  try {
    await new Promise<void>((done, fail) => {
      server.once('error', fail)
      server.listen(own, done)
    })
  } finally {
    process.umask(mask)
  }
  const inode = inodeOf(own)
  renameSync(own, socketPath(folder))
  // Of two that start at once the later one has the name; the earlier finds out here, or when it next looks.
  await new Promise((done) => setTimeout(done, 20))
  if (inode === undefined || inodeOf(socketPath(folder)) !== inode) {
    server.close()
    throw new Error('another kernel came up at the same time')
  }
  return inode
}

function inodeOf(path: string): number | undefined {
  try {
    return lstatSync(path).ino
  } catch {
    return undefined
  }
}

function readRequest(payload: Buffer): DaemonRequest | undefined {
  try {
    const request = JSON.parse(payload.toString()) as DaemonRequest
    if (request.ask === 'run') {
      const fits =
        Array.isArray(request.args) &&
        request.args.every((word) => typeof word === 'string') &&
        typeof request.cwd === 'string' &&
        typeof request.env === 'object' &&
        typeof request.terminal === 'object'
      return fits ? request : undefined
    }
    return ['status', 'down', 'snapshot'].includes(request.ask) ? request : undefined
  } catch {
    return undefined
  }
}

function statusOf(
  kernel: EmbeddedKernel,
  more: { readonly folder: string; readonly since: Date; readonly commands: number },
): DaemonStatus {
  return {
    pid: process.pid,
    since: more.since.toISOString(),
    version: VERSION,
    release: kernel.release,
    folder: more.folder,
    cpus: kernel.possibleCpus,
    memory_bytes: kernel.machine.memory.size,
    ...countObjects(kernel),
    commands: more.commands,
  }
}
