// A stream of events: the system calls of this very process.
//   node build/examples/syscall-events/main.js [--kernel linux]
import { readFileSync } from 'node:fs'
import { attachRawTracepoint, load, openObject, RingBuffer } from 'skep'
import { setVariable } from 'skep/object'
import { chosenKernel } from '../support/kernel.js'

const WANTED = 5

using kernel = chosenKernel()
const spec = openObject(new Uint8Array(readFileSync('examples/syscall-events/events.o')))
if (kernel.name === 'linux') setVariable(spec, 'watched_pid', process.pid)
using collection = await load(spec, { kernel })
const program = collection.program('on_syscall')

// On Linux the program runs at every system call; the embedded kernel has none and is given the tracepoint's arguments.
using _link = kernel.name === 'linux' ? attachRawTracepoint(program) : undefined
if (kernel.name === 'embedded') {
  for (let number = 0; number < WANTED; number++) program.testRun({ ctxIn: argumentsOf(0n, BigInt(number)) })
}

using ring = new RingBuffer(collection.map('events'))
const enough = new AbortController()
const timeout = setTimeout(() => enough.abort(), 5000)
let seen = 0
for await (const record of ring.records({ signal: enough.signal })) {
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength)
  const comm = new TextDecoder().decode(record.subarray(16)).replace(/\0.*/s, '')
  console.log(`event ${seen}: pid ${view.getUint32(8, true)} system call ${view.getUint32(12, true)} by '${comm}'`)
  if (++seen === WANTED) break
}
clearTimeout(timeout)
console.log(`${seen} events`)

function argumentsOf(...args: readonly bigint[]): Uint8Array {
  return new Uint8Array(BigUint64Array.from(args).buffer)
}
