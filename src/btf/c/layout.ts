import type { Btf } from '../btf.js'
import type { Aligner } from '../resolve.js'
import type { BtfComposite } from '../types.js'

/** Must the struct be declared packed to get the member offsets and size that BTF gives? */
export function isPacked(aligner: Aligner, type: BtfComposite): boolean {
  if (type.kind === 'union') return false
  let strictest = 1
  for (const member of type.members) {
    const align = aligner.of(member.type)
    strictest = Math.max(strictest, align)
    if (align > 0 && member.bitSize === 0 && member.bitOffset % (8 * align) !== 0) return true
  }
  return type.size % strictest !== 0
}

export interface Gap {
  /** First bit after the member before, and first bit of the next (or the end of the struct). */
  readonly from: number
  readonly to: number
  /** Bytes the next member is aligned to by itself. */
  readonly align: number
  /** The gap lies between two bitfields, where a compiler aligns nothing by itself. */
  readonly betweenBitfields: boolean
}

const roundUp = (value: number, unit: number) => Math.ceil(value / unit) * unit

/**
 * Unnamed bitfields ("long: 64") that make a C compiler leave a gap of the right width. Uses the widest type whose
 * boundary lies inside the gap: up to that boundary the compiler pads by itself unless the next member would not
 * reach it; the rest is filled with whole units and one remainder of the smallest type that holds it.
 */
export function padding(btf: Btf, gap: Gap): string[] {
  const units = [
    { name: 'long', bits: btf.pointerSize * 8 },
    { name: 'int', bits: 32 },
    { name: 'short', bits: 16 },
    { name: 'char', bits: 8 },
  ] as const
  const { from, to } = gap
  if (from >= to) return []
  const unit = units.find(({ bits }) => roundUp(from, bits) <= to) ?? units[3]
  const lines: string[] = []
  let at = from
  const boundary = roundUp(from, unit.bits)
  if (boundary > from && boundary <= to) {
    const unreached = boundary === to && roundUp(from, gap.align * 8) !== boundary
    const swallowed = boundary !== to && to - boundary <= boundary - from
    if (gap.betweenBitfields) lines.push(`${unit.name}: ${boundary - from}`)
    else if (unreached || swallowed) lines.push(`${unit.name}: 0`)
    at = boundary
  }
  for (; to - at >= unit.bits; at += unit.bits) lines.push(`${unit.name}: ${unit.bits}`)
  const rest = to - at
  if (rest > 0) {
    const smallest = units.findLast(({ bits }) => bits >= rest) ?? unit
    lines.push(`${smallest.name}: ${rest}`)
  }
  return lines
}
