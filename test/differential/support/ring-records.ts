import { createRequire } from 'node:module'
import { toHex } from '#src/base/index.js'
import type { BpfMap } from '#src/sdk/index.js'

const PAGE = 4096
const BUSY = 0x8000_0000
const DISCARD = 0x4000_0000

/** Every record of a ring buffer that nobody read: `state length:bytes`, discarded ones too. */
export function ringRecords(map: BpfMap): string[] {
  const size = map.maxEntries
  const pages = map.kernel.name === 'linux' ? mapPages(map.fd, size) : map.kernel.mmap(map.fd, PAGE, PAGE + size, false)
  const view = new DataView(pages.buffer, pages.byteOffset, pages.length)
  const producer = Number(view.getBigUint64(0, true))
  const records: string[] = []
  for (let at = 0; at < producer; ) {
    const header = view.getUint32(PAGE + (at % size), true)
    const length = header & ~(BUSY | DISCARD)
    const state = (header & BUSY) !== 0 ? 'busy' : (header & DISCARD) !== 0 ? 'discarded' : 'record'
    const bytes = Uint8Array.from({ length }, (_, i) => pages[PAGE + ((at + 8 + i) % size)] as number)
    // Bytes of records that were not submitted are what the program left there, or nothing.
    records.push(`${state} ${length}:${state === 'record' ? toHex(bytes) : ''}`)
    at += (length + 8 + 7) & ~7
  }
  return records
}

/** A copy of the producer's page and the data of a ring buffer of Linux. */
function mapPages(fd: number, size: number): Uint8Array {
  const koffi = createRequire(import.meta.url)('koffi')
  const libc = koffi.load(null)
  const mmap = libc.func('void *mmap(void *addr, size_t length, int prot, int flags, int fd, long offset)')
  const munmap = libc.func('int munmap(void *addr, size_t length)')
  const length = PAGE + 2 * size
  const pointer = mmap(null, length, 1, 1, fd, PAGE)
  const copy = new Uint8Array(koffi.view(pointer, PAGE + size).slice(0))
  munmap(pointer, length)
  return copy
}
