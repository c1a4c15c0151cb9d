// SipHash-2-4 (Aumasson and Bernstein) on 32-bit halves: SYN cookies are made of it.

// v0 to v3 as low and high halves.
const v = new Int32Array(8)

/** 64-bit hash, its low 32 bits signed; `key` is four 32-bit words. */
export function siphashLow(bytes: Uint8Array, key: Uint32Array): number {
  const [k0 = 0, k1 = 0, k2 = 0, k3 = 0] = key
  v[0] = k0 ^ 0x70736575
  v[1] = k1 ^ 0x736f6d65
  v[2] = k2 ^ 0x6e646f6d
  v[3] = k3 ^ 0x646f7261
  v[4] = k0 ^ 0x6e657261
  v[5] = k1 ^ 0x6c796765
  v[6] = k2 ^ 0x79746573
  v[7] = k3 ^ 0x74656462
  const whole = bytes.length & ~7
  for (let at = 0; at < whole; at += 8) block(word(bytes, at, 4), word(bytes, at + 4, 4))
  const rest = bytes.length - whole
  block(
    word(bytes, whole, Math.min(rest, 4)),
    word(bytes, whole + 4, Math.max(rest - 4, 0)) | ((bytes.length & 0xff) << 24),
  )
  v[4] = (v[4] as number) ^ 0xff
  for (let round = 0; round < 4; round++) sipRound()
  return (v[0] as number) ^ (v[2] as number) ^ (v[4] as number) ^ (v[6] as number)
}

function word(bytes: Uint8Array, at: number, count: number): number {
  let value = 0
  for (let index = 0; index < count; index++) value |= (bytes[at + index] as number) << (index * 8)
  return value
}

function block(low: number, high: number): void {
  v[6] = (v[6] as number) ^ low
  v[7] = (v[7] as number) ^ high
  sipRound()
  sipRound()
  v[0] = (v[0] as number) ^ low
  v[1] = (v[1] as number) ^ high
}

function sipRound(): void {
  add(0, 2)
  rotate(2, 13)
  xor(2, 0)
  swap(0)
  add(4, 6)
  rotate(6, 16)
  xor(6, 4)
  add(0, 6)
  rotate(6, 21)
  xor(6, 0)
  add(4, 2)
  rotate(2, 17)
  xor(2, 4)
  swap(4)
}

function add(to: number, from: number): void {
  const low = ((v[to] as number) >>> 0) + ((v[from] as number) >>> 0)
  v[to] = low
  v[to + 1] = (v[to + 1] as number) + (v[from + 1] as number) + (low > 0xffff_ffff ? 1 : 0)
}

function xor(to: number, from: number): void {
  v[to] = (v[to] as number) ^ (v[from] as number)
  v[to + 1] = (v[to + 1] as number) ^ (v[from + 1] as number)
}

/** Rotates left by less than 32. */
function rotate(at: number, by: number): void {
  const low = v[at] as number
  const high = v[at + 1] as number
  v[at] = (low << by) | (high >>> (32 - by))
  v[at + 1] = (high << by) | (low >>> (32 - by))
}

/** Rotates by 32. */
function swap(at: number): void {
  const low = v[at] as number
  v[at] = v[at + 1] as number
  v[at + 1] = low
}
