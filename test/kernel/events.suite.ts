import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Kernel } from '#src/kernel/index.js'
import { type BpfProgram, type Collection, load, RingBuffer } from '#src/sdk/index.js'
import { fixture } from '../support/paths.js'

const OBJECT = fixture('events/events.o')

function packet(first: number): Uint8Array {
  const bytes = new Uint8Array(64)
  // Socket filters see the packet behind its Ethernet header.
  new DataView(bytes.buffer).setUint32(14, first, true)
  return bytes
}

function run(program: BpfProgram, first = 0): number {
  return program.testRun({ dataIn: packet(first) }).retval
}

function u32(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true)
}

async function withEvents(
  open: () => Kernel,
  programs: readonly string[],
  body: (collection: Collection, kernel: Kernel) => Promise<void> | void,
): Promise<void> {
  using kernel = open()
  using collection = await load(OBJECT, { kernel, programs })
  await body(collection, kernel)
}

/** Events through the contract, the same on every kernel. */
export function eventsSuite(name: string, open: () => Kernel, skip: string | false): void {
  const on = (what: string, body: () => Promise<void>): void => {
    test(`${name}: ${what}`, { skip }, body)
  }

  on('ring buffer: records come in order, of all sizes, over the end of the ring', () =>
    withEvents(open, ['ring_output'], (collection) => {
      using ring = new RingBuffer(collection.map('ring'))
      const program = collection.program('ring_output')
      assert.equal(
        ring.drain(() => assert.fail('nothing was written')),
        0,
      )
      let expected = 0
      for (let round = 0; round < 40; round++) {
        const sizes = Array.from({ length: 20 }, (_, i) => 4 + ((round * 97 + i * 131) % 1021))
        for (const size of sizes) assert.equal(run(program, size), 0)
        const seen: number[] = []
        ring.drain((record) => {
          assert.equal(u32(record), expected++)
          seen.push(record.length)
        })
        assert.deepEqual(seen, sizes)
        assert.equal(ring.pending, 0)
      }
    }),
  )

  on('ring buffer: an async iterable that waits, and ends with its signal', () =>
    withEvents(open, ['ring_output'], async (collection) => {
      using ring = new RingBuffer(collection.map('ring'))
      const program = collection.program('ring_output')
      const abort = new AbortController()
      const seen: number[] = []
      run(program, 8)
      const timer = setInterval(() => run(program, 8), 1)
      for await (const record of ring.records({ signal: abort.signal })) {
        seen.push(u32(record))
        if (seen.length === 20) abort.abort()
      }
      clearInterval(timer)
      assert.deepEqual(
        seen,
        Array.from({ length: 20 }, (_, i) => i),
      )
    }),
  )
}
