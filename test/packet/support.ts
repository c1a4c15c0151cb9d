import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type CapturePacket, CaptureReader } from '#src/packet/index.js'
import { sharedData } from '../support/paths.js'

/** Every capture file beside the repository, [] where they are absent. */
export function captureFiles(): string[] {
  const directory = sharedData('captures')
  if (directory === undefined) return []
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.pcap(ng)?$/.test(name))
    .sort()
    .map((name) => join(directory, name))
}

/** Whether a program can be started here. */
export function hasTool(name: string): boolean {
  return spawnSync(name, ['--version'], { stdio: 'ignore' }).error === undefined
}

/** Packets of a capture fed in pieces of `size` bytes, and the error that ended it. */
export function readInPieces(bytes: Uint8Array, size: number): { packets: CapturePacket[]; error: unknown } {
  const reader = new CaptureReader()
  const packets: CapturePacket[] = []
  let error: unknown
  try {
    for (let at = 0; at < bytes.length; at += size) {
      // Each piece is a copy that is overwritten afterwards, as a reused buffer would be.
      const piece = bytes.slice(at, at + size)
      reader.push(piece, (packet) => packets.push({ ...packet, data: packet.data.slice() }))
      piece.fill(0xee)
    }
    reader.end()
  } catch (caught) {
    error = caught
  }
  return { packets, error }
}
