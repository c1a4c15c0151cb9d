// The WebAssembly instructions that the compiler uses, by their names in the text format.

/** Instructions without immediates. */
// biome-ignore format: a table
export const PLAIN = {
  'unreachable': 0x00, 'end': 0x0b, 'else': 0x05, 'return': 0x0f, 'drop': 0x1a, 'select': 0x1b,
  'i32.eqz': 0x45, 'i32.eq': 0x46, 'i32.ne': 0x47, 'i32.lt_s': 0x48, 'i32.lt_u': 0x49, 'i32.gt_s': 0x4a,
  'i32.gt_u': 0x4b, 'i32.le_s': 0x4c, 'i32.le_u': 0x4d, 'i32.ge_s': 0x4e, 'i32.ge_u': 0x4f,
  'i64.eqz': 0x50, 'i64.eq': 0x51, 'i64.ne': 0x52, 'i64.lt_s': 0x53, 'i64.lt_u': 0x54, 'i64.gt_s': 0x55,
  'i64.gt_u': 0x56, 'i64.le_s': 0x57, 'i64.le_u': 0x58, 'i64.ge_s': 0x59, 'i64.ge_u': 0x5a,
  'f64.lt': 0x63, 'f64.gt': 0x64, 'f64.max': 0xa5,
  'i32.clz': 0x67, 'i32.add': 0x6a, 'i32.sub': 0x6b, 'i32.mul': 0x6c, 'i32.div_s': 0x6d, 'i32.div_u': 0x6e,
  'i32.rem_s': 0x6f, 'i32.rem_u': 0x70, 'i32.and': 0x71, 'i32.or': 0x72, 'i32.xor': 0x73, 'i32.shl': 0x74,
  'i32.shr_s': 0x75, 'i32.shr_u': 0x76, 'i32.rotl': 0x77, 'i32.rotr': 0x78,
  'i64.add': 0x7c, 'i64.sub': 0x7d, 'i64.mul': 0x7e, 'i64.div_s': 0x7f, 'i64.div_u': 0x80, 'i64.rem_s': 0x81,
  'i64.rem_u': 0x82, 'i64.and': 0x83, 'i64.or': 0x84, 'i64.xor': 0x85, 'i64.shl': 0x86, 'i64.shr_s': 0x87,
  'i64.shr_u': 0x88, 'i64.rotl': 0x89,
  'i32.wrap_i64': 0xa7, 'i64.extend_i32_s': 0xac, 'i64.extend_i32_u': 0xad, 'i64.trunc_f64_s': 0xb0,
  'i32.extend8_s': 0xc0, 'i32.extend16_s': 0xc1, 'i64.extend8_s': 0xc2, 'i64.extend16_s': 0xc3, 'i64.extend32_s': 0xc4,
} as const

/** Loads and stores: opcode, with alignment (none is promised) and offset after it. */
// biome-ignore format: a table
export const MEMORY = {
  'i32.load': 0x28, 'i64.load': 0x29, 'i32.load8_s': 0x2c, 'i32.load8_u': 0x2d, 'i32.load16_s': 0x2e,
  'i32.load16_u': 0x2f, 'i64.load8_s': 0x30, 'i64.load8_u': 0x31, 'i64.load16_s': 0x32, 'i64.load16_u': 0x33,
  'i64.load32_s': 0x34, 'i64.load32_u': 0x35, 'i32.store': 0x36, 'i64.store': 0x37, 'f64.load': 0x2b, 'i32.store8': 0x3a,
  'i32.store16': 0x3b, 'i64.store8': 0x3c, 'i64.store16': 0x3d, 'i64.store32': 0x3e,
} as const

/** Instructions with immediates of their own kinds. */
// biome-ignore format: a table
export const OTHER = {
  'block': 0x02, 'loop': 0x03, 'if': 0x04, 'br': 0x0c, 'br_if': 0x0d, 'br_table': 0x0e, 'call': 0x10,
  'call_indirect': 0x11, 'return_call_indirect': 0x13, 'local.get': 0x20, 'local.set': 0x21, 'local.tee': 0x22,
  'memory.size': 0x3f, 'i32.const': 0x41, 'i64.const': 0x42, 'memory.copy': 0xfc0a, 'memory.fill': 0xfc0b,
} as const

export type PlainName = keyof typeof PLAIN
export type MemoryName = keyof typeof MEMORY

export type ValueType = 'i32' | 'i64' | 'f64'
export const VALUE_TYPE: Record<ValueType, number> = { i32: 0x7f, i64: 0x7e, f64: 0x7c }
/** The type of a block without a value. */
export const EMPTY = 0x40
