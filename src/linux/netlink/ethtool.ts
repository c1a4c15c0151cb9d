import { cString, encodeText } from '../../base/index.js'
import { type Fd, KernelError } from '../../kernel/index.js'
import { closeRaw } from '../ffi/raw-file.js'
import { inNetns } from '../netns.js'
import type { LinuxSession } from '../session.js'
import { NR } from '../syscall-numbers.js'

const SIOCETHTOOL = 0x8946
const GSTRINGS = 0x1b
const GSSET_INFO = 0x37
const GFEATURES = 0x3a
const SFEATURES = 0x3b
const SS_FEATURES = 4
const STRING = 32
const AF_INET = 2
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000

/** Features of a device, after `set` was applied (ETHTOOL_GFEATURES, ETHTOOL_SFEATURES). */
export function ethtoolFeatures(
  session: LinuxSession,
  r: { readonly netns?: Fd; readonly name: string; readonly set?: Readonly<Record<string, boolean>> },
): Record<string, boolean> {
  const { sys, arena } = session
  const fd = inNetns(session, r.netns, () => sys.syscall(NR.socket, AF_INET, SOCK_DGRAM_CLOEXEC, 0))
  if (fd < 0) throw new KernelError(sys.errno(), 'socket')
  const ask = (command: Uint8Array, size: number): Uint8Array => {
    const span = arena.alloc(size)
    span.bytes.fill(0)
    span.bytes.set(command)
    // struct ifreq: 16 bytes of name, then a pointer.
    const request = arena.alloc(40)
    request.bytes.fill(0)
    request.bytes.set(encodeText(r.name).subarray(0, 15))
    new DataView(request.bytes.buffer, request.bytes.byteOffset).setBigUint64(16, BigInt(span.address), true)
    if (sys.syscall(NR.ioctl, fd, SIOCETHTOOL, request.address) < 0) {
      throw new KernelError(sys.errno(), 'ethtool_features', { detail: r.name })
    }
    return span.bytes.slice()
  }
  const words = (...values: number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer)
  try {
    const info = ask(words(GSSET_INFO, 0, 1 << SS_FEATURES, 0), 20)
    const count = new DataView(info.buffer).getUint32(16, true)
    const strings = ask(words(GSTRINGS, SS_FEATURES, count), 12 + count * STRING)
    const names = Array.from({ length: count }, (_, i) =>
      cString(strings.subarray(12 + i * STRING, 12 + (i + 1) * STRING)),
    )
    const blocks = Math.ceil(count / 32)
    if (r.set !== undefined) {
      const change = new Uint32Array(2 + blocks * 2)
      change.set([SFEATURES, blocks])
      for (const [name, on] of Object.entries(r.set)) {
        const bit = names.indexOf(name)
        if (bit < 0) {
          throw new KernelError('EINVAL', 'ethtool_features', { hint: `this kernel knows no feature '${name}'` })
        }
        const at = 2 + (bit >> 5) * 2
        change[at] = (change[at] as number) | (1 << (bit & 31))
        if (on) change[at + 1] = (change[at + 1] as number) | (1 << (bit & 31))
      }
      ask(new Uint8Array(change.buffer), change.byteLength)
    }
    const state = new Uint32Array(ask(words(GFEATURES, blocks), 8 + blocks * 16).buffer)
    const features: Record<string, boolean> = {}
    names.forEach((name, bit) => {
      // available, requested, active, never_changed
      const active = state[2 + (bit >> 5) * 4 + 2] as number
      if (name !== '') features[name] = ((active >>> (bit & 31)) & 1) === 1
    })
    return features
  } finally {
    closeRaw(sys, fd)
  }
}
