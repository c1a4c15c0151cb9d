// Registers and stack as Linux's verifier log prints them.

import { toBig, toSigned } from '../domain/int64.js'
import { isConst, isUnknown } from '../domain/num.js'
import { ALLOC, NON_OWN_REF, type Reg, typeText } from '../state/reg.js'
import { SLOT, SLOT_LETTERS, type State } from '../state/state.js'

const hex = (value: bigint): string => `0x${value.toString(16)}`

/** Small numbers in decimal, others in hexadecimal. */
export function unsignedText(value: bigint): string {
  return value <= 0xffffn ? String(value) : hex(value)
}

export function signedText(value: bigint): string {
  return value >= -0x8000n && value <= 0x7fffn ? String(value) : hex(BigInt.asUintN(64, value))
}

export function bitsText(reg: Reg): string {
  if (isConst(reg)) return unsignedText(toBig(reg.valueLo, reg.valueHi))
  return `(${hex(toBig(reg.valueLo, reg.valueHi))}; ${hex(toBig(reg.maskLo, reg.maskHi))})`
}

const S64_MIN = -0x8000_0000_0000_0000n
const S64_MAX = 0x7fff_ffff_ffff_ffffn
const U64_MAX = 0xffff_ffff_ffff_ffffn

/** Equal bounds are written once, with all their names. */
function rangesText(reg: Reg): string[] {
  const bounds: { name: string; value: bigint; omit: boolean }[] = []
  const add = (name: string, value: bigint, omit: boolean) => bounds.push({ name, value, omit })
  const smin = toSigned(reg.sminLo, reg.sminHi)
  const smax = toSigned(reg.smaxLo, reg.smaxHi)
  const umin = toBig(reg.uminLo, reg.uminHi)
  const umax = toBig(reg.umaxLo, reg.umaxHi)
  add('smin', BigInt.asUintN(64, smin), smin === S64_MIN)
  add('smax', BigInt.asUintN(64, smax), smax === S64_MAX)
  add('umin', umin, umin === 0n)
  add('umax', umax, umax === U64_MAX)
  add('smin32', narrowBound(reg.smin32), reg.smin32 === -0x8000_0000)
  add('smax32', narrowBound(reg.smax32), reg.smax32 === 0x7fff_ffff)
  add('umin32', BigInt(reg.umin32 >>> 0), reg.umin32 === 0)
  add('umax32', BigInt(reg.umax32 >>> 0), reg.umax32 === -1)
  const out: string[] = []
  bounds.forEach((first, i) => {
    if (first.omit) return
    let names = `${first.name}=`
    // Minima go with minima, maxima with maxima, negative ones apart from large ones.
    const negative = first.name.startsWith('s') && first.value >> 63n === 1n
    for (let j = i + 2; j < bounds.length; j += 2) {
      const other = bounds[j]
      if (other === undefined || other.omit || other.value !== first.value) continue
      if ((other.name.startsWith('s') && other.value >> 63n === 1n) !== negative) continue
      other.omit = true
      names += `${other.name}=`
    }
    out.push(names + boundText(first.name, first.value))
  })
  return out
}

function boundText(name: string, value: bigint): string {
  return name.startsWith('s') ? signedText(BigInt.asIntN(64, value)) : unsignedText(value)
}

/** Small 32-bit bounds are sign-extended, large ones are patterns of 32 bits. */
function narrowBound(value: number): bigint {
  return value >= -0x8000 && value <= 0x7fff ? BigInt.asUintN(64, BigInt(value)) : BigInt(value >>> 0)
}

/** All ranges as Linux prints them where they contradict each other. */
export function violationText(reg: Reg): string {
  const range = (min: bigint, max: bigint) => `[${hex(BigInt.asUintN(64, min))}, ${hex(BigInt.asUintN(64, max))}]`
  const narrow = (min: number, max: number) => `[${hex(BigInt(min >>> 0))}, ${hex(BigInt(max >>> 0))}]`
  const bits = `(${hex(toBig(reg.valueLo, reg.valueHi))}, ${hex(toBig(reg.maskLo, reg.maskHi))})`
  return (
    `u64=${range(toBig(reg.uminLo, reg.uminHi), toBig(reg.umaxLo, reg.umaxHi))} ` +
    `s64=${range(toSigned(reg.sminLo, reg.sminHi), toSigned(reg.smaxLo, reg.smaxHi))} ` +
    `u32=${narrow(reg.umin32, reg.umax32)} s32=${narrow(reg.smin32, reg.smax32)} var_off=${bits}`
  )
}

export function regText(reg: Reg, frameno: number): string {
  const fixed = isConst(reg)
  const prefix = reg.type === 'scalar' && reg.precise ? 'P' : ''
  if (reg.type === 'scalar' && fixed) return prefix + signedText(toSigned(reg.valueLo, reg.valueHi))
  let head = prefix + typeText(reg.type, reg.flags)
  if (reg.type === 'arena') return head
  if (reg.type === 'fp') {
    if (reg.frameno !== frameno) head += `[${reg.frameno}]`
    if (fixed) return head + signedText(BigInt(reg.off) + toSigned(reg.valueLo, reg.valueHi))
  }
  if (reg.type === 'ptr_' && reg.btf !== null) head += reg.btf.btf.typeName(reg.btfId)
  const parts: string[] = []
  if (reg.id !== 0) {
    parts.push(`id=${reg.id}${reg.addConst !== 0 ? (reg.off >= 0 ? `+${reg.off}` : String(reg.off)) : ''}`)
  }
  if (reg.refObjId !== 0) parts.push(`ref_obj_id=${reg.refObjId}`)
  if (reg.type === 'ptr_' && (reg.flags & ALLOC) !== 0 && (reg.flags & NON_OWN_REF) !== 0) parts.push('non_own_ref')
  if (reg.map !== null) {
    if (reg.map.name !== '') parts.push(`map=${reg.map.name}`)
    parts.push(`ks=${reg.map.keySize}`, `vs=${reg.map.valueSize}`)
  }
  if (reg.type !== 'scalar' && reg.off !== 0) parts.push(`off=${signedText(BigInt(reg.off))}`)
  if (reg.type === 'pkt' || reg.type === 'pkt_meta')
    parts.push(`r=${unsignedText(BigInt.asUintN(64, BigInt(reg.range)))}`)
  if (reg.type === 'mem') parts.push(`sz=${reg.memSize}`)
  if (reg.type === 'dynptr_ptr') parts.push(`type=${reg.dynptrType}`)
  if (fixed) {
    const value = toBig(reg.valueLo, reg.valueHi)
    if (value !== 0n) parts.push(`imm=${unsignedText(value)}`)
  } else {
    parts.push(...rangesText(reg))
    if (!isUnknown(reg)) parts.push(`var_off=${bitsText(reg)}`)
  }
  return `${head}(${parts.join(',')})`
}

/** The state of one frame on one line, without the newline; only what `scratched` marks when given. */
export function stateText(
  state: State,
  frameno: number,
  scratched?: { readonly regs: number; slot(slot: number): boolean },
): string {
  const frame = state.frames[frameno]
  if (frame === undefined) return ''
  let out = frameno > 0 ? ` frame${frameno}:` : ''
  for (let i = 0; i < 11; i++) {
    const reg = frame.regs[i] as Reg
    if (reg.type === 'not_init') continue
    if (scratched !== undefined && (scratched.regs & (1 << i)) === 0) continue
    out += ` R${i}=${regText(reg, frameno)}`
  }
  for (let slot = 0; slot < frame.allocated >> 3; slot++) {
    let letters = ''
    let valid = false
    for (let j = 0; j < 8; j++) {
      const type = frame.types[slot * 8 + j] as number
      if (type !== SLOT.invalid) valid = true
      letters += SLOT_LETTERS[type]
    }
    if (!valid || (scratched !== undefined && !scratched.slot(slot))) continue
    const name = ` fp-${(slot + 1) * 8}=`
    const kind = frame.types[slot * 8 + 7]
    if (kind === SLOT.spill) {
      const spilled = frame.spills[slot]
      const above = letters.slice(0, letters.indexOf('r'))
      out += name + above + (spilled === undefined ? '' : regText(spilled, frameno))
    } else if (kind === SLOT.dynptr) {
      const occupant = frame.occupants[slot]
      if (occupant?.first !== true) continue
      const parts = occupant.id === 0 ? [] : [`id=${occupant.id}`]
      if (occupant.refId !== 0) parts.push(`ref_id=${occupant.refId}`)
      // Linux prints the mark of the first slot, which shares its place with this id.
      parts.push('dynptr_id=1')
      out += `${name}dynptr_${occupant.type}(${parts.join(',')})`
    } else if (kind === SLOT.iter) {
      const occupant = frame.occupants[slot]
      if (occupant?.first !== true) continue
      const { type, refId, state: turn, depth } = occupant
      out += `${name}iter_${type.replace(/^bpf_iter_/, '')}(ref_id=${refId},state=${turn},depth=${depth})`
    } else out += name + letters
  }
  if (state.refs[0] !== undefined && state.refs[0].id !== 0) {
    out += ` refs=${state.refs
      .map((ref) => ref.id)
      .filter((id) => id !== 0)
      .join(',')}`
  }
  if (frame.callback !== undefined) out += frame.callback.async ? ' async_cb' : ' cb'
  return out
}
