import { createReadStream, readSync } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { pipeline, Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { FormatError, UsageError } from '../../base/index.js'

/** A file, a pipe or standard input read in order; gzip is taken off on the way. */
export interface ByteSource {
  /** Bytes of the file (as stored, compressed or not); undefined for pipes. */
  readonly size: number | undefined
  /** Bytes of the file read so far. */
  readonly position: number
  readonly compressed: boolean
  /** Fills `target` from `start` with what is there; 0 at the end. */
  read(target: Uint8Array, start: number): Promise<number>
  close(): Promise<void>
}

/** Opens a path, or standard input for '-'. Throws UsageError when it cannot be opened. */
export async function openBytes(path: string, chunkSize: number): Promise<ByteSource> {
  if (path === '-') return fromStream(process.stdin, undefined, chunkSize)
  try {
    const info = await stat(path)
    if (info.isDirectory()) throw new UsageError(`${path} is a directory`)
    if (!info.isFile()) return fromStream(createReadStream(path, { highWaterMark: chunkSize }), undefined, chunkSize)
    const handle = await open(path, 'r')
    const magic = new Uint8Array(2)
    const { bytesRead } = await handle.read(magic, 0, 2, 0)
    if (bytesRead === 2 && isGzip(magic)) {
      return fromStream(handle.createReadStream({ start: 0, highWaterMark: chunkSize }), info.size, chunkSize)
    }
    return fromFile(handle, info.size)
  } catch (error) {
    throw error instanceof UsageError ? error : new UsageError(`cannot open ${path}: ${reasonOf(error)}`)
  }
}

function fromFile(handle: FileHandle, size: number): ByteSource {
  let position = 0
  return {
    size,
    compressed: false,
    get position() {
      return position
    },
    // A file's bytes are there at once: waiting for another thread to fetch them took longer than fetching them.
    async read(target, start) {
      const bytesRead = readSync(handle.fd, target, start, target.length - start, position)
      position += bytesRead
      return bytesRead
    },
    close: () => handle.close(),
  }
}

async function fromStream(input: Readable, size: number | undefined, chunkSize: number): Promise<ByteSource> {
  const counter = { position: 0 }
  const chunks = counted(input, counter)
  // Two bytes tell gzip from the rest; a pipe may bring them one by one.
  let head: Buffer = Buffer.alloc(0)
  while (head.length < 2) {
    const next = await chunks.next()
    if (next.done === true) break
    head = Buffer.concat([head, next.value])
  }
  const compressed = isGzip(head)
  const all = prepend(head, chunks)
  const stream: AsyncIterator<Buffer> = compressed ? unzip(all, chunkSize) : all
  let rest: Buffer = Buffer.alloc(0)
  return {
    size,
    compressed,
    get position() {
      return counter.position
    },
    async read(target, start) {
      while (rest.length === 0) {
        const next = await stream.next()
        if (next.done === true) return 0
        rest = next.value
      }
      const length = Math.min(rest.length, target.length - start)
      target.set(rest.subarray(0, length), start)
      rest = rest.subarray(length)
      return length
    },
    async close() {
      // Destroying standard input would keep a terminal from being read again; leaving it paused lets the process end.
      if (input === process.stdin) input.pause()
      else input.destroy()
    },
  }
}

async function* counted(input: Readable, counter: { position: number }): AsyncGenerator<Buffer> {
  for await (const chunk of input) {
    counter.position += (chunk as Buffer).length
    yield chunk as Buffer
  }
}

async function* prepend(head: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  if (head.length > 0) yield head
  yield* rest
}

async function* unzip(chunks: AsyncGenerator<Buffer>, chunkSize: number): AsyncGenerator<Buffer> {
  const gunzip = createGunzip({ chunkSize })
  // The generator is what waits, so an error reaches its reader through the stream.
  pipeline(Readable.from(chunks), gunzip, () => {})
  try {
    for await (const chunk of gunzip) yield chunk as Buffer
  } catch (error) {
    throw new FormatError('pcap', `the gzip data is damaged: ${reasonOf(error)}`)
  }
}

function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return 'no such file'
  if (code === 'EACCES') return 'permission denied'
  return message
}
