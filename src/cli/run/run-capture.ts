import { realpathSync } from 'node:fs'
import { FormatError, UsageError } from '../../base/index.js'
import { ethernetPolicy, LINK_TYPE, toEthernet } from '../../packet/index.js'
import { CaptureWriter } from '../capture/capture-writer.js'
import { readCapture } from '../capture/read-capture.js'
import { keepsPacket } from './keeps-packet.js'
import { isPacketRefusal, type PacketEngine } from './packet-engine.js'
import { RunProgress } from './run-progress.js'
import type { Tally } from './tally.js'

export interface CaptureRun {
  readonly engine: PacketEngine
  readonly tally: Tally
  readonly verdict: (retval: number) => string
  readonly programType: string
  /** File for the packets that the program let through. */
  readonly out: string | undefined
  readonly progress: boolean
  readonly onResult: (retval: number, redirect: string | undefined) => void
}

/**
 * Runs every packet of a capture. Packets of other links are given an Ethernet header; a link that cannot have one is a
 * FormatError. Packets that the kernel refuses (shorter than an Ethernet header, say) are counted, not fatal. The result is
 * what was wrong with the file behind the packets that could be read.
 */
export async function runCapture(path: string, run: CaptureRun): Promise<FormatError | undefined> {
  const { engine, tally, verdict } = run
  if (run.out !== undefined && isSameFile(path, run.out)) {
    throw new UsageError(`--out would overwrite the capture ${path}`, 'give another name')
  }
  const source = await readCapture(path)
  using writer = run.out === undefined ? undefined : new CaptureWriter(run.out)
  const progress = new RunProgress(run.progress, source.size)
  try {
    for await (const burst of source) {
      for (let i = 0; i < burst.count; i++) {
        let bytes: Uint8Array = burst.bytes
        let offset = burst.offsets[i] as number
        let length = burst.lengths[i] as number
        const linkType = source.linkTypeOf(burst.interfaceIds[i] as number)
        if (linkType !== LINK_TYPE.ETHERNET) {
          try {
            bytes = toEthernet(linkType, bytes.subarray(offset, offset + length))
          } catch (error) {
            if (!(error instanceof FormatError) || ethernetPolicy(linkType) === 'none') throw error
            tally.skip(error.reason)
            continue
          }
          offset = 0
          length = bytes.length
        }
        const seconds = burst.seconds[i] as number
        const nanoseconds = burst.nanoseconds[i] as number
        let retval: number
        try {
          retval = engine.run(bytes, offset, length, seconds, nanoseconds)
        } catch (error) {
          if (!isPacketRefusal(error)) throw error
          tally.skip(error.hint ?? error.message)
          continue
        }
        const redirect = engine.redirect()
        tally.add(verdict(retval), length, redirect)
        run.onResult(retval, redirect)
        if (writer !== undefined && keepsPacket(run.programType, retval)) {
          const output = engine.output()
          writer.write(output, 0, output.length, seconds, nanoseconds)
        }
      }
      progress.update(source.position, tally.packets)
    }
    return undefined
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    const placed = error.at({ file: path })
    if (tally.packets === 0) throw placed
    return placed
  } finally {
    progress.stop()
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
