// A stream of events: the system calls of this very process, then functions of the C library that it calls.
//   node build/examples/syscall-events/main.js [--kernel linux]
import { readFileSync } from 'node:fs'
import { getPriority } from 'node:os'
import { attachRawTracepoint, attachUprobe, load, openObject, RingBuffer } from 'skep'
import { setVariable } from 'skep/object'
import { chosenKernel } from '../support/kernel.js'

const WANTED = 5
/** Functions to probe, and what makes this process call them. */
const FUNCTIONS = ['kill', 'getpriority']
function callThem(): void {
  process.kill(process.pid, 0)
  getPriority()
}

using kernel = chosenKernel()
const onLinux = kernel.name === 'linux'
const spec = openObject(new Uint8Array(readFileSync('examples/syscall-events/events.o')))
if (onLinux) setVariable(spec, 'watched_pid', process.pid)
// The embedded kernel has no user space whose functions could be probed.
using collection = await load(spec, { kernel, programs: onLinux ? ['on_syscall', 'on_function'] : ['on_syscall'] })
const program = collection.program('on_syscall')
using ring = new RingBuffer(collection.map('events'))

// On Linux the program runs at every system call; the embedded kernel has none and is given the tracepoint's arguments.
const link = onLinux ? attachRawTracepoint(program) : undefined
if (!onLinux) {
  for (let number = 0; number < WANTED; number++) program.testRun({ ctxIn: argumentsOf(0n, BigInt(number)) })
}
let seen = await show(WANTED, (number) => `system call ${number}`)
link?.detach()
ring.read()

if (onLinux) {
  const probe = collection.program('on_function')
  const probes = FUNCTIONS.map((symbol, index) =>
    attachUprobe(probe, { binary: 'libc', symbol, pid: process.pid, cookie: BigInt(index) }),
  )
  callThem()
  seen += await show(FUNCTIONS.length, (number) => `function ${FUNCTIONS[number]}`)
  for (const one of probes) one.detach()
}
console.log(`${seen} events`)

/** Prints events until there were enough, or for five seconds; how many there were. */
async function show(wanted: number, what: (number: number) => string): Promise<number> {
  const enough = new AbortController()
  const timeout = setTimeout(() => enough.abort(), 5000)
  let count = 0
  for await (const record of ring.records({ signal: enough.signal })) {
    const view = new DataView(record.buffer, record.byteOffset, record.byteLength)
    const comm = new TextDecoder().decode(record.subarray(16)).replace(/\0.*/s, '')
    console.log(`event ${count}: pid ${view.getUint32(8, true)} ${what(view.getUint32(12, true))} by '${comm}'`)
    if (++count === wanted) break
  }
  clearTimeout(timeout)
  return count
}

function argumentsOf(...args: readonly bigint[]): Uint8Array {
  return new Uint8Array(BigUint64Array.from(args).buffer)
}
