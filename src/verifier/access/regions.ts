// Bounds of memory regions: map values, helper memory, packets.

import { toNumber } from '../domain/int64.js'
import { isConst } from '../domain/num.js'
import type { Env } from '../env.js'
import { bitsText } from '../log/print-state.js'
import { type Reg, typeText } from '../state/reg.js'

const inside = (off: number, size: number, limit: number, zero: boolean): boolean =>
  off >= 0 && (size > 0 || (size === 0 && zero)) && off + size <= limit

function complain(env: Env, regno: number, off: number, size: number, limit: number): void {
  const reg = env.reg(regno)
  switch (reg.type) {
    case 'map_key':
      env.log.write(`invalid access to map key, key_size=${limit} off=${off} size=${size}\n`)
      break
    case 'map_value':
      env.log.write(`invalid access to map value, value_size=${limit} off=${off} size=${size}\n`)
      break
    case 'pkt':
    case 'pkt_meta':
    case 'pkt_end':
      env.log.write(
        `invalid access to packet, off=${off} size=${size}, R${regno}(id=${reg.id},off=${off},r=${limit})\n`,
      )
      break
    default:
      env.log.write(`invalid access to memory, mem_size=${limit} off=${off} size=${size}\n`)
  }
}

/** `off` includes the register's fixed offset. */
export function checkRegion(
  env: Env,
  regno: number,
  off: number,
  size: number,
  limit: number,
  zeroAllowed = false,
): void {
  const reg = env.reg(regno)
  const smin = toNumber(reg.sminLo, reg.sminHi)
  if (smin < 0 && (smin < -0x8000_0000 || smin + off < -0x8000_0000 || smin + off < 0)) {
    env.refuse(`R${regno} min value is negative, either use unsigned index or do a if (index >=0) check.`, 'EACCES')
  }
  if (!inside(smin + off, size, limit, zeroAllowed)) {
    complain(env, regno, Number(BigInt.asIntN(32, BigInt(smin) + BigInt(off))), size, limit)
    env.refuse(`R${regno} min value is outside of the allowed memory range`, 'EACCES')
  }
  const umax = toNumber(reg.umaxLo, reg.umaxHi)
  if (reg.umaxHi !== 0 || reg.umaxLo >>> 0 >= 2 ** 29) {
    env.refuse(`R${regno} unbounded memory access, make sure to bounds check any such access`, 'EACCES')
  }
  if (!inside(umax + off, size, limit, zeroAllowed)) {
    complain(env, regno, umax + off, size, limit)
    env.refuse(`R${regno} max value is outside of the allowed memory range`, 'EACCES')
  }
}

export function checkPacket(env: Env, regno: number, off: number, size: number, zeroAllowed = false): void {
  const reg = env.reg(regno)
  if (reg.sminHi < 0) {
    env.refuse(`R${regno} min value is negative, either use unsigned index or do a if (index >=0) check.`, 'EACCES')
  }
  if (reg.range < 0 || !inside(off, size, reg.range, zeroAllowed)) {
    if (reg.range >= 0) complain(env, regno, off, size, reg.range)
    env.refuse(`R${regno} offset is outside of the packet`, reg.range < 0 ? 'EINVAL' : 'EACCES')
  }
}

/** The pointer stands at the start, or at a fixed offset where that is allowed. */
export function checkPlainPointer(env: Env, regno: number, fixedAllowed = false): void {
  const reg = env.reg(regno)
  const what = typeText(reg.type, reg.flags)
  if (reg.off < 0) env.refuse(`negative offset ${what} ptr R${regno} off=${reg.off} disallowed`, 'EACCES')
  if (!fixedAllowed && reg.off !== 0) {
    env.refuse(`dereference of modified ${what} ptr R${regno} off=${reg.off} disallowed`, 'EACCES')
  }
  if (!isConst(reg) || reg.valueLo !== 0 || reg.valueHi !== 0) {
    env.refuse(`variable ${what} access var_off=${bitsText(reg)} disallowed`, 'EACCES')
  }
}

/** Memory of which only the end is unknown: tracing buffers. */
export function checkBuffer(env: Env, what: string, regno: number, off: number, size: number): void {
  const reg: Reg = env.reg(regno)
  if (off < 0) env.refuse(`R${regno} invalid ${what} buffer access: off=${off}, size=${size}`, 'EACCES')
  if (!isConst(reg) || reg.valueLo !== 0 || reg.valueHi !== 0) {
    env.refuse(`R${regno} invalid variable buffer offset: off=${off}, var_off=${bitsText(reg)}`, 'EACCES')
  }
}
