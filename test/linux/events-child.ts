// Processes for the tests of what happens when one ends. `node events-child.js MODE [argument]`.
import { linux } from '#src/linux/index.js'
import { attachRawTracepoint, attachTcx, load, NetNamespace, Printk, RingBuffer } from '#src/sdk/index.js'
import { fixture } from '../support/paths.js'

const [, , mode, argument] = process.argv
const kernel = linux()
const collection = await load(fixture('events/events.o'), { kernel, programs: ['ring_burst'] })
const ring = new RingBuffer(collection.map('ring'))
const dataIn = new Uint8Array(64)
dataIn[14] = 3
const burst = (): void => void collection.program('ring_burst').testRun({ dataIn })

switch (mode) {
  case 'idle':
    // Somebody asked once and does not wait any more: nothing keeps this process.
    burst()
    await ring.records().next()
    new Printk(kernel, { turnOn: true }).lines()
    // Tracing of the machine goes back to what it was.
    process.on('exit', () => kernel[Symbol.dispose]())
    console.log('idle')
    break
  case 'wait': {
    // Somebody waits: the process stays until the event comes.
    const stream = ring.records()
    burst()
    for (let i = 0; i < 3; i++) await stream.next()
    const last = stream.next()
    setTimeout(burst, 50).unref()
    setTimeout(() => {}, 60)
    await last
    console.log('woken')
    break
  }
  case 'throw': {
    const errors: string[] = []
    process.on('uncaughtException', (error) => errors.push(error.message))
    const { fd } = collection.map('ring')
    let calls = 0
    const watches = [
      kernel.watch(fd, () => {
        throw new Error('first')
      }),
      kernel.watch(fd, () => void calls++),
      kernel.watch(fd, () => {
        throw new Error('third')
      }),
    ]
    await new Promise((resolve) => setTimeout(resolve, 20))
    const before = calls
    burst()
    await new Promise((resolve) => setTimeout(resolve, 50))
    console.log(JSON.stringify({ errors: [...new Set(errors)].sort(), again: errors.length > 2, more: calls > before }))
    for (const watch of watches) watch[Symbol.dispose]()
    break
  }
  case 'stolen': {
    // The descriptor is closed behind the session's back, its number taken by a file, while it is watched.
    const { closeSync, openSync } = await import('node:fs')
    const stream = ring.records()
    burst()
    for (let i = 0; i < 3; i++) await stream.next()
    const waiting = stream.next()
    const { fd } = collection.map('ring')
    closeSync(fd)
    const file = openSync('/dev/null', 'r')
    burst()
    console.log((await waiting).done, file === fd)
    await stream.return()
    break
  }
  case 'hold': {
    // Waits to be killed. Pins one map, and one of three links.
    collection.map('counters').pin(`${argument}/counters`)
    const tracing = await load(fixture('attach/tracing.o'), { kernel, programs: ['raw_sys_enter'] })
    const links = [0, 1].map(() => attachRawTracepoint(tracing.program('raw_sys_enter')))
    links[0]?.pin(`${argument}/link`)
    const net = await load(fixture('attach/net.o'), { kernel, programs: ['tcx_first'] })
    const [device] = NetNamespace.create(kernel).createVeth('one', 'two')
    const tcx = attachTcx(net.program('tcx_first'), device, { direction: 'ingress' })
    console.log(
      JSON.stringify({
        ring: collection.map('ring').info().id,
        counters: collection.map('counters').info().id,
        program: net.program('tcx_first').info().id,
        links: [...links.map((link) => link.id), tcx.id],
      }),
    )
    await ring.records().next()
    break
  }
}
