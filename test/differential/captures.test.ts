// Every shared capture through `skep run`'s own path: each runs to its end or gives one clear error; a sample of them also
// runs on Linux, packet for packet.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { after, before, test } from 'node:test'
import { FormatError } from '#src/base/index.js'
import { openKernel } from '#src/cli/run/open-kernel.js'
import { isPacketRefusal, type PacketEngine, testRunEngine } from '#src/cli/run/packet-engine.js'
import { PrintkLog } from '#src/cli/run/printk-log.js'
import { runCapture } from '#src/cli/run/run-capture.js'
import { Tally } from '#src/cli/run/tally.js'
import { type Kernel, KernelError } from '#src/kernel/index.js'
import { openObject } from '#src/object/index.js'
import { type Collection, loadCollection } from '#src/sdk/index.js'
import { verdictName } from '#src/spec/index.js'
import { linuxUnavailable, openLinux } from '../support/kernels.js'
import { root } from '../support/paths.js'
import { mapContents } from './support/map-contents.js'
import { captureFiles } from './support/packets.js'

const files = captureFiles()
const absent = files.length === 0 ? 'there are no shared captures' : false
const noLinux = absent || linuxUnavailable()
const long = process.env['SKEP_LONG'] === '1'
/** Every how many files Linux runs one, too. */
const STEP = long ? 1 : 3

const PROGRAMS = [
  { object: 'test/fixtures/net/xdp_parse.o', program: 'parse', type: 'xdp' },
  { object: 'test/fixtures/net/tc_classify.o', program: 'classify', type: 'sched_cls' },
] as const

/** Bytes of a packet that a test run keeps in one piece. */
const LINEAR = 3520

type Subject = (typeof PROGRAMS)[number]

function load(kernel: Kernel, { object, program }: Subject): Collection {
  const path = join(root, object)
  return loadCollection(openObject(readFileSync(path), { file: path }), { kernel, programs: [program] })
}

/** Runs a file as the command does. The result is what went wrong, as the command says it. */
async function run(path: string, subject: Subject, engine: PacketEngine, tally: Tally): Promise<string | undefined> {
  try {
    const { damage } = await runCapture(path, {
      engine,
      tally,
      verdict: (retval) => verdictName(subject.type, retval),
      programType: subject.type,
      out: undefined,
      progress: false,
      results: 0,
      onResult: () => {},
    })
    return damage?.message
  } catch (error) {
    // Nothing else may come out of any file.
    if (error instanceof FormatError) return error.message
    throw error
  }
}

for (const subject of PROGRAMS) {
  test(`every capture through ${subject.object} ends or says why not`, { skip: absent }, async () => {
    const choice = openKernel({ kernel: 'embedded', cpus: '1', clock: 'capture', pcap: 'any' }, new PrintkLog(0))
    using kernel = choice.kernel
    using collection = load(kernel, subject)
    const engine = choice.packetEngine(collection.program(subject.program), collection)
    const counts = { files: 0, packets: 0, skipped: 0, whole: 0 }
    const errors: string[] = []
    for (const path of files) {
      const tally = new Tally()
      const error = await run(path, subject, engine, tally)
      counts.files++
      counts.packets += tally.packets
      counts.skipped += tally.skipped
      if (error === undefined) counts.whole++
      else {
        errors.push(error)
        assert.ok(error.includes(basename(path)), `the error names the file: ${error}`)
        assert.ok(!error.includes('\n') && error.length < 500, error)
      }
    }
    console.log(
      `${counts.files} captures, ${counts.packets} packets run, ${counts.skipped} skipped; ${counts.whole} to the end, ` +
        `${errors.length} with an error`,
    )
    assert.ok(counts.whole > files.length / 2)
  })
}

/** Runs every packet on both and demands the same result, where Linux takes the packet. */
function bothEngines(
  ours: PacketEngine,
  theirs: PacketEngine,
  counts: { same: number; refused: number },
): PacketEngine {
  return {
    run(bytes, offset, length, seconds, nanoseconds) {
      // A test run splits longer packets into fragments; `skep run` gives them to the program in one piece.
      if (length > LINEAR) {
        counts.refused++
        throw new KernelError('EMSGSIZE', 'prog_test_run')
      }
      let expected: number
      try {
        expected = theirs.run(bytes, offset, length, seconds, nanoseconds)
      } catch (error) {
        // Longer than a test run takes, or cut off: Linux runs nothing then, and the maps must stay equal.
        if (isPacketRefusal(error)) counts.refused++
        throw error
      }
      const retval = ours.run(bytes, offset, length, seconds, nanoseconds)
      assert.equal(retval, expected, `packet of ${length} bytes`)
      assert.deepEqual(ours.output(), theirs.output())
      counts.same++
      return retval
    },
    output: () => ours.output(),
    redirect: (retval) => ours.redirect(retval),
  }
}

let linux: Kernel
before(() => {
  if (noLinux === false) linux = openLinux()
})
after(() => linux?.[Symbol.dispose]())

for (const subject of PROGRAMS) {
  test(`a sample through ${subject.object} as on Linux, packet for packet`, { skip: noLinux }, async () => {
    const choice = openKernel({ kernel: 'embedded', cpus: '1', clock: 'capture', pcap: 'any' }, new PrintkLog(0))
    using kernel = choice.kernel
    using ours = load(kernel, subject)
    using theirs = load(linux, subject)
    const counts = { same: 0, refused: 0 }
    const engine = bothEngines(
      choice.packetEngine(ours.program(subject.program), ours),
      testRunEngine(theirs.program(subject.program)),
      counts,
    )
    for (let i = 0; i < files.length; i += STEP) await run(files[i] as string, subject, engine, new Tally())
    const [left, right] = [mapContents(ours), mapContents(theirs)]
    for (const [name, map] of ours.maps) {
      if (!map.perCpu) assert.deepEqual(left.get(name), right.get(name), name)
    }
    console.log(`${counts.same} packets with equal results, ${counts.refused} that Linux does not take`)
    assert.ok(counts.same > 100)
  })
}
