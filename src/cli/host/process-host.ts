import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { embedded } from '../../embedded/index.js'
import { linux } from '../../linux/index.js'
import { runElsewhere } from '../daemon/elsewhere.js'
import { routeOf } from '../daemon/route.js'
import type { CommandHost } from './host.js'

/** The host of a command that runs in the process that was started for it. */
export function processHost(argv: readonly string[]): CommandHost {
  const abort = new AbortController()
  let listens = false
  return {
    cwd: process.cwd(),
    // Said before a tool's name, --kernel is the tool's default.
    env: { ...process.env, SKEP_KERNEL: routeOf(argv, process.env).kernel },
    terminal: { stdout: process.stdout.isTTY === true, stderr: process.stderr.isTTY === true },
    get signal() {
      // Whoever never asks is ended by the signal itself.
      if (!listens) process.once('SIGINT', () => abort.abort())
      listens = true
      return abort.signal
    },
    stays: false,
    exitStatus: 0,
    out: (data) => void process.stdout.write(data),
    err: (data) => void process.stderr.write(data),
    stdin: async () => new Uint8Array(readFileSync(0)),
    drained: () =>
      process.stdout.writableNeedDrain
        ? new Promise((done) => void process.stdout.once('drain', done))
        : Promise.resolve(),
    wait: (promise) => promise,
    resolve: (path) => resolve(path),
    elsewhere: runElsewhere,
    openKernel: (name) => (name === 'linux' ? linux() : embedded()),
  }
}
