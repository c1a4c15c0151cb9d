import type { Socket } from 'node:net'

/** Bytes of one frame at most: more is no message of ours. */
const MAX_FRAME = 1 << 26
const CHUNK = 1 << 20

/**
 * Messages between a command line and the kernel that stays: length (u32, big-endian, of what follows), a letter, a payload.
 * To the kernel: `R` request (JSON), `I` a piece of standard input, `E` its end, `S` Ctrl-C.
 * From it: `O` and `X` pieces of standard output and error, `Q` standard input is wanted,
 * `D` a command of the machine that the command line is to run instead (JSON, its words), `Z` the exit status (JSON).
 */
export type FrameKind = 'R' | 'I' | 'E' | 'S' | 'O' | 'X' | 'Q' | 'D' | 'Z'

/** Writes a frame; false when the socket wants its reader to catch up. Long payloads of a stream go out in pieces. */
export function sendFrame(socket: Socket, kind: FrameKind, payload: string | Uint8Array = ''): boolean {
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload
  if (bytes.length > CHUNK && (kind === 'O' || kind === 'X' || kind === 'I')) {
    let flowing = true
    for (let at = 0; at < bytes.length; at += CHUNK) flowing = sendFrame(socket, kind, bytes.subarray(at, at + CHUNK))
    return flowing
  }
  const head = Buffer.allocUnsafe(5)
  head.writeUInt32BE(bytes.length + 1)
  head.write(kind, 4, 'latin1')
  socket.write(head)
  return socket.write(bytes)
}

/** Calls `take` for each whole frame that arrives; `broken` once, for what is no frame. */
export function readFrames(socket: Socket, take: (kind: string, payload: Buffer) => void, broken: () => void): void {
  let pieces: Buffer[] = []
  let held = 0
  let wanted = 4
  socket.on('data', (piece: Buffer) => {
    pieces.push(piece)
    held += piece.length
    while (held >= wanted) {
      const all = pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces)
      const length = all.readUInt32BE(0)
      if (length < 1 || length > MAX_FRAME) {
        broken()
        return
      }
      pieces = [all]
      wanted = 4 + length
      if (held < wanted) return
      take(String.fromCharCode(all[4] as number), all.subarray(5, wanted))
      held -= wanted
      pieces = held > 0 ? [all.subarray(all.length - held)] : []
      wanted = 4
    }
  })
}
