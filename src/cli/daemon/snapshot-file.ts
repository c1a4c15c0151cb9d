import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { gunzipSync, gzipSync } from 'node:zlib'
import { FormatError } from '../../base/index.js'
import type { EmbeddedKernel } from '../../embedded/index.js'

/** Bytes that a snapshot may unpack to: the memory of a kernel is at most 4 GiB, and Node's buffers end there too. */
const MAX_SIZE = 4 * 2 ** 30 - 1

/** Writes a kernel's state to a file, packed; the file is whole or not there. */
export function writeSnapshot(kernel: EmbeddedKernel, file: string): void {
  const part = `${file}.${process.pid}.part`
  // Memory is mostly zeros: the quickest packing does nearly as well as the best.
  writeFileSync(part, gzipSync(kernel.snapshot(), { level: 1 }), { mode: 0o600 })
  renameSync(part, file)
}

/** Puts the state of a file into a fresh kernel. Throws FormatError. */
export function readSnapshot(kernel: EmbeddedKernel, file: string): void {
  const packed = readFileSync(file)
  let bytes: Uint8Array
  try {
    bytes = new Uint8Array(gunzipSync(packed, { maxOutputLength: MAX_SIZE }))
  } catch (error) {
    throw new FormatError('snapshot', `it cannot be unpacked: ${(error as Error).message}`, { file })
  }
  kernel.restore(bytes)
}
