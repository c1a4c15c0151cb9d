import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errorCode, type FaultPlan, fault, formatCall, type Kernel, trace } from '#src/kernel/index.js'
import { BpfMap, BpfProgram, load, PerfBuffer, Printk, RingBuffer, UserRingBuffer } from '#src/sdk/index.js'
import { fixture } from '../support/paths.js'

const NEXT = ['map_get_next_id', 'prog_get_next_id', 'btf_get_next_id', 'link_get_next_id'] as const

/** Ids of everything a kernel has. */
function ids(kernel: Kernel): string[] {
  const found: string[] = []
  for (const next of NEXT) {
    for (let startId = 0; ; ) {
      try {
        startId = kernel.call(next, { startId })
      } catch (error) {
        if (errorCode(error) !== 'ENOENT') throw error
        break
      }
      found.push(`${next} ${startId}`)
    }
  }
  return found
}

/** Runs `body` with its first call failing, its second, … until it succeeds; after each failure `check` is called. */
async function sweep(
  kernel: Kernel,
  code: FaultPlan['code'] & string,
  body: (faulty: Kernel) => Promise<void> | void,
  check: (at: number, failed: boolean) => void,
): Promise<number> {
  for (let at = 1; ; at++) {
    assert.ok(at < 500, 'the procedure has no end')
    const faulty = fault(kernel, { at, code })
    let failed = false
    try {
      await body(faulty)
    } catch (error) {
      failed = true
      assert.ok(error instanceof Error)
      if (faulty.faults.failed === 0) throw error
    }
    check(at, failed)
    if (!failed && faulty.faults.failed === 0) return at - 1
  }
}

/** What failing calls leave behind. `openFds`: descriptors of the session. `pins`: a directory for them, where there is one. */
export function faultsSuite(
  name: string,
  open: () => Kernel,
  openFds: (kernel: Kernel) => number,
  skip: string | false,
  pinDirectory: (kernel: Kernel) => string,
): void {
  const procedures: Record<string, (kernel: Kernel, pins: string) => Promise<void> | void> = {
    'load a program with its maps': async (kernel) => {
      using collection = await load(fixture('events/events.o'), { kernel, programs: ['ring_output', 'count'] })
      assert.equal(collection.programs.size, 2)
    },
    'load maps that are pinned by name': async (kernel, pins) => {
      using _ = await load(fixture('object/btf_maps.o'), { kernel, pinPath: pins })
    },
    'pin a map, a program, a link, open them again': async (kernel, pins) => {
      using collection = await load(fixture('events/events.o'), { kernel, programs: ['count'] })
      const map = collection.map('counters')
      const program = collection.program('count')
      try {
        map.pin(`${pins}/map`)
        program.pin(`${pins}/program`)
        using opened = BpfMap.openPinned(kernel, `${pins}/map`)
        assert.equal(opened.name, 'counters')
        using again = BpfProgram.openPinned(kernel, `${pins}/program`)
        assert.equal(again.name, 'count')
      } catch (error) {
        // Whoever pins takes back: here the test itself.
        for (const pin of kernel.call('readdir', { path: pins })) kernel.call('unlink', { path: `${pins}/${pin}` })
        throw error
      }
    },
    'open a ring buffer': async (kernel) => {
      using collection = await load(fixture('events/events.o'), { kernel, programs: [] })
      using ring = new RingBuffer(collection.map('ring'))
      const abort = new AbortController()
      const stream = ring.records({ signal: abort.signal })
      const last = stream.next()
      abort.abort()
      await last
    },
    'open a perf buffer': async (kernel) => {
      using collection = await load(fixture('events/events.o'), { kernel, programs: [] })
      using perf = new PerfBuffer(collection.map('perf'), { pages: 1 })
      const abort = new AbortController()
      const last = perf.records({ signal: abort.signal }).next()
      abort.abort()
      await last
    },
    'open a user ring buffer, map an array': async (kernel) => {
      using collection = await load(fixture('events/events.o'), { kernel, programs: [] })
      using ring = new UserRingBuffer(collection.map('user'))
      ring.write(Uint8Array.of(1, 2, 3))
      using memory = collection.map('counters').mmap()
      memory.readU64(0)
    },
    'read what programs print': (kernel) => {
      using pipe = new Printk(kernel, { turnOn: true })
      pipe.read()
    },
    'open objects by id': async (kernel) => {
      using collection = await load(fixture('events/events.o'), { kernel, programs: [] })
      const { id } = collection.map('ring').info()
      using map = BpfMap.fromFd(kernel, kernel.call('map_get_fd_by_id', { id }))
      assert.equal(map.name, 'ring')
    },
  }

  for (const [what, body] of Object.entries(procedures)) {
    test(`${name}: ${what}: each call failing in turn leaves nothing behind`, { skip }, async () => {
      using kernel = open()
      const directory = pinDirectory(kernel)
      const pins = (): readonly string[] => kernel.call('readdir', { path: directory })
      // What a session opens once and keeps (its poller) is not counted.
      await body(kernel, directory)
      for (const pin of pins()) kernel.call('unlink', { path: `${directory}/${pin}` })
      for (const code of ['ENOMEM', 'EPERM'] as const) {
        const fds = openFds(kernel)
        const before = name === 'embedded' ? ids(kernel) : []
        const steps = await sweep(
          kernel,
          code,
          (faulty) => body(faulty, directory),
          (at, failed) => {
            // What was loaded without the failed call's help may have pinned its maps, what failed may not.
            const pinned = pins()
            if (failed) assert.deepEqual(pinned, [], `${code} at call ${at}: pins`)
            for (const pin of pinned) kernel.call('unlink', { path: `${directory}/${pin}` })
            assert.equal(openFds(kernel), fds, `${code} at call ${at}: descriptors`)
            if (name === 'embedded') assert.deepEqual(ids(kernel), before, `${code} at call ${at}: objects`)
          },
        )
        assert.ok(steps > 0)
      }
    })
  }

  test(`${name}: every call is told, in one line`, { skip }, async () => {
    const lines: string[] = []
    using kernel = open()
    const traced = trace(kernel, (call) => lines.push(formatCall(call)))
    using collection = await load(fixture('events/events.o'), { kernel: traced, programs: ['count'] })
    collection.map('counters').get(0)
    assert.throws(() => traced.call('map_freeze', { mapFd: 9999 as never }))
    const text = lines.join('\n')
    assert.match(text, /^map_create\(\{.*mapName: "ring"/m)
    assert.match(text, /^prog_load\(\{.*insns: <[0-9a-f ]{47} … \d+ bytes>.*license: "GPL"/m)
    assert.match(text, /^map_lookup_elem\(\{mapFd: \d+, key: <00 00 00 00>\}\) = <00 00 00 00 00 00 00 00>$/m)
    assert.match(text, /^map_freeze\(\{mapFd: 9999\}\) = -1 EBADF: /m)
    assert.equal(traced.name, kernel.name)
    assert.ok(lines.every((line) => !line.includes('\n')))
  })
}
