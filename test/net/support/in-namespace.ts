// Runs a fixture's program on Linux inside a network namespace made for it: as a process of its own, since a namespace
// belongs to a thread. Reads the work from standard input, writes the outcomes to standard output, both as JSON.
import { spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { connect, createServer, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { fromHex, toHex } from '#src/base/index.js'
import { openLinux } from '../../support/kernels.js'
import { fixture, loadLinux, type Outcome, outcome, type Run } from './pair.js'

export interface Work {
  readonly path: string
  readonly program: string
  readonly runs: readonly Run[]
  /** Sockets to open before the runs: `tcp 127.0.0.1 8000`, `udp ::1 53`, `connect 127.0.0.1 8000 40000`. */
  readonly sockets?: readonly string[]
}

interface Wire {
  readonly work: Omit<Work, 'runs'>
  readonly runs: readonly { readonly dataIn: string; readonly ctxIn?: string }[]
}

/** Outcomes on Linux of all the work, in a namespace set up by a shell script. */
export function onLinuxInNamespace(setup: string, work: Work): Outcome[] {
  const wire: Wire = {
    work: { path: work.path, program: work.program, sockets: work.sockets ?? [] },
    runs: work.runs.map((run) => ({
      dataIn: toHex(run.dataIn ?? new Uint8Array(0)),
      ...(run.ctxIn === undefined ? {} : { ctxIn: toHex(run.ctxIn) }),
    })),
  }
  const script = `set -e\n${setup}\nexec "$0" "$1"`
  const child = spawnSync('unshare', ['-n', 'sh', '-c', script, process.execPath, fileURLToPath(import.meta.url)], {
    input: JSON.stringify(wire),
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
  if (child.status !== 0) throw new Error(`in the namespace: ${child.stderr}`)
  return JSON.parse(child.stdout) as Outcome[]
}

async function readInput(): Promise<string> {
  let text = ''
  process.stdin.setEncoding('utf8')
  for await (const chunk of process.stdin) text += chunk
  return text
}

async function main(): Promise<void> {
  const { work, runs } = JSON.parse(await readInput()) as Wire
  const open: { close(): unknown }[] = []
  for (const line of work.sockets ?? []) open.push(await openSocket(line.split(' ')))
  using kernel = openLinux()
  const progFd = loadLinux(kernel, fixture(work.path), work.program)
  const outcomes = runs.map(({ dataIn, ctxIn }) =>
    outcome(() =>
      kernel.call('prog_test_run', {
        progFd,
        dataIn: fromHex(dataIn),
        dataSizeOut: 40_000,
        ...(ctxIn === undefined ? {} : { ctxIn: fromHex(ctxIn) }),
      }),
    ),
  )
  process.stdout.write(JSON.stringify(outcomes), () => process.exit(0))
}

function openSocket([kind, host, port, from]: string[]): Promise<{ close(): unknown }> {
  return new Promise((resolve, reject) => {
    if (kind === 'udp') {
      const socket = createSocket(host?.includes(':') === true ? 'udp6' : 'udp4')
      socket.on('error', reject).bind(Number(port), host, () => resolve(socket))
    } else if (kind === 'tcp') {
      const server = createServer((socket) => socket.unref())
      server.on('error', reject).listen(Number(port), host, () => resolve(server))
    } else {
      const socket: Socket = connect({ host: host ?? '', port: Number(port), localPort: Number(from) }, () => {
        resolve({ close: () => socket.destroy() })
      })
      socket.on('error', reject)
    }
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main()
