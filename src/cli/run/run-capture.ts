import { realpathSync } from 'node:fs'
import { FormatError, UsageError } from '../../base/index.js'
import { ethernetPolicy, LINK_TYPE, toEthernet } from '../../packet/index.js'
import { CaptureWriter } from '../capture/capture-writer.js'
import type { PacketBurst } from '../capture/packet-burst.js'
import { type CaptureSource, readCapture } from '../capture/read-capture.js'
import { keepsPacket } from './keeps-packet.js'
import { isPacketRefusal, type PacketEngine } from './packet-engine.js'
import { RunProgress } from './run-progress.js'
import type { Tally } from './tally.js'

/** Results that are counted in a table; others are rare. */
const COUNTED = 32

export interface CaptureRun {
  readonly engine: PacketEngine
  readonly tally: Tally
  readonly verdict: (retval: number) => string
  readonly programType: string
  /** File for the packets that the program let through. */
  readonly out: string | undefined
  readonly progress: boolean
  /** Called with the result of each of the first `results` packets. */
  readonly results: number
  readonly onResult: (retval: number, redirect: string | undefined) => void
}

/** Where the time went, in ms. */
export interface CaptureTimes {
  /** Reading the file and finding its packets. */
  reading: number
  /** Copying packets into the machine; where they are run one by one this is part of running. */
  copying: number
  running: number
  /** Counting results, and writing packets. */
  counting: number
}

export interface CaptureOutcome {
  readonly times: CaptureTimes
  /** What was wrong with the file behind the packets that could be read. */
  readonly damage: FormatError | undefined
}

/**
 * Runs every packet of a capture. Packets of other links are given an Ethernet header; a link that cannot have one is a
 * FormatError. Packets that the kernel refuses (shorter than an Ethernet header, say) are counted, not fatal.
 */
export async function runCapture(path: string, run: CaptureRun): Promise<CaptureOutcome> {
  if (run.out !== undefined && isSameFile(path, run.out)) {
    throw new UsageError(`--out would overwrite the capture ${path}`, 'give another name')
  }
  const source = await readCapture(path)
  using writer = run.out === undefined ? undefined : new CaptureWriter(run.out)
  const progress = new RunProgress(run.progress, source.size)
  const runner = new BurstRunner(run, source, writer)
  const { times } = runner
  let before = performance.now()
  try {
    for await (const burst of source) {
      times.reading += performance.now() - before
      runner.run(burst)
      before = performance.now()
      progress.update(source.position, run.tally.packets)
    }
    times.reading += performance.now() - before
    return { times, damage: undefined }
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    const damage = error.at({ file: path })
    if (run.tally.packets === 0) throw damage
    return { times, damage }
  } finally {
    progress.stop()
  }
}

class BurstRunner {
  readonly times: CaptureTimes = { reading: 0, copying: 0, running: 0, counting: 0 }
  readonly #run: CaptureRun
  readonly #source: CaptureSource
  readonly #writer: CaptureWriter | undefined
  /** Results behind which a burst stops, because their packets are written. */
  readonly #stop: number
  readonly #packets = new Float64Array(COUNTED)
  readonly #bytes = new Float64Array(COUNTED)

  constructor(run: CaptureRun, source: CaptureSource, writer: CaptureWriter | undefined) {
    this.#run = run
    this.#source = source
    this.#writer = writer
    let stop = 0
    if (writer !== undefined) {
      for (let retval = 0; retval < COUNTED; retval++) if (keepsPacket(run.programType, retval)) stop |= 1 << retval
    }
    this.#stop = stop
  }

  run(burst: PacketBurst): void {
    const { engine } = this.#run
    const { times } = this
    const start = performance.now()
    const ethernet = this.#source.interfaces.every(({ linkType }) => linkType === LINK_TYPE.ETHERNET)
    if (!ethernet || engine.runLoaded === undefined || engine.load?.(burst) !== true) {
      for (let i = 0; i < burst.count; i++) this.#one(burst, i)
      times.running += performance.now() - start
      return
    }
    let before = performance.now()
    times.copying += before - start
    for (let done = 0; done < burst.count; ) {
      const stopped = engine.runLoaded(done, burst.count, this.#stop)
      const after = performance.now()
      times.running += after - before
      if (stopped > done) this.#count(burst, done, stopped)
      else this.#one(burst, stopped)
      done = Math.max(stopped, done + 1)
      before = performance.now()
      times.counting += before - after
    }
  }

  /** Counts the packets of a burst that were run, of which only the last can need a look of its own. */
  #count(burst: PacketBurst, from: number, to: number): void {
    const { engine, tally, verdict } = this.#run
    const results = engine.results?.() as Uint32Array
    const { lengths } = burst
    const last = to - 1
    const retval = results[last] as number
    const redirect = engine.redirect(retval)
    this.#packets.fill(0)
    this.#bytes.fill(0)
    for (let i = from; i < to; i++) {
      const result = results[i] as number
      const length = lengths[i] as number
      if (result < COUNTED) {
        this.#packets[result]! += 1
        this.#bytes[result]! += length
      } else tally.add(verdict(result), length)
    }
    this.#packets.forEach((packets, result) => {
      if (packets > 0) tally.add(verdict(result), this.#bytes[result] as number, packets)
    })
    tally.addRedirect(redirect)
    const listed = Math.min(to, from + this.#run.results - (tally.packets - (to - from)))
    for (let i = from; i < listed; i++) this.#run.onResult(results[i] as number, i === last ? redirect : undefined)
    this.#write(burst, last, retval)
  }

  /** Runs a packet by itself. */
  #one(burst: PacketBurst, i: number): void {
    const { engine, tally, verdict } = this.#run
    let bytes: Uint8Array = burst.bytes
    let offset = burst.offsets[i] as number
    let length = burst.lengths[i] as number
    const linkType = this.#source.linkTypeOf(burst.interfaceIds[i] as number)
    if (linkType !== LINK_TYPE.ETHERNET) {
      try {
        bytes = toEthernet(linkType, bytes.subarray(offset, offset + length))
      } catch (error) {
        if (!(error instanceof FormatError) || ethernetPolicy(linkType) === 'none') throw error
        tally.skip(error.reason)
        return
      }
      offset = 0
      length = bytes.length
    }
    let retval: number
    try {
      retval = engine.run(bytes, offset, length, burst.seconds[i] as number, burst.nanoseconds[i] as number)
    } catch (error) {
      if (!isPacketRefusal(error)) throw error
      tally.skip(error.hint ?? error.message)
      return
    }
    const redirect = engine.redirect(retval)
    tally.add(verdict(retval), length)
    tally.addRedirect(redirect)
    if (tally.packets <= this.#run.results) this.#run.onResult(retval, redirect)
    this.#write(burst, i, retval)
  }

  #write(burst: PacketBurst, i: number, retval: number): void {
    if (this.#writer === undefined || !keepsPacket(this.#run.programType, retval)) return
    const output = this.#run.engine.output()
    this.#writer.write(output, 0, output.length, burst.seconds[i] as number, burst.nanoseconds[i] as number)
  }
}

function isSameFile(a: string, b: string): boolean {
  if (a === '-') return false
  try {
    return realpathSync(a) === realpathSync(b)
  } catch {
    return false
  }
}
