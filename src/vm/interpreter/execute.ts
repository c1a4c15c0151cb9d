import { invokeWide } from '../calls.js'
import type { DecodedProgram } from './decode.js'
import { divide64, modulo64 } from './divide.js'
import { rareOperation } from './rare-operations.js'
import { FRAME_SIZE, type InterpreterState, MAX_LOOPS, SAVED_WORDS } from './state.js'

/** Frames one program may have: the main program and seven calls (MAX_CALL_FRAMES). */
const MAX_FRAMES = 8
/** Below this address nothing is ever allocated. */
const LOWEST = 65536

/**
 * Runs a program from a position of its decoded code until it exits; registers are in `state.registers`.
 *
 * Operations are BPF opcode bytes; what one opcode byte does not tell has a number from 256 (see decode.ts). The labels
 * are literals because V8 compiles a switch over them two times faster than one over named constants. In the switch
 * `continue` goes to the next instruction and `break` takes the jump of this one.
 */
export function execute(state: InterpreterState, start: DecodedProgram, entry: number): void {
  const machine = state.machine
  const memory = machine.memory
  const r = state.registers
  const save = state.save
  const loops = state.loops
  const bottom = state.depth
  let ceiling = Math.min(bottom + MAX_FRAMES, loops.length)
  let depth = bottom
  let program = start
  let code = program.code
  let functions = program.functions
  let view = memory.program
  let top = memory.size - LOWEST
  let pc = entry
  // Words executed since the budget was charged are pc - base: a jump moves both.
  let base = entry
  let chunk = state.nextChunk(program, entry)
  state.enterFrame(program, depth)
  for (;;) {
    const at = pc
    pc += 4
    const w = code[at]!
    const d = (w >>> 9) & 31
    const s = w >>> 14
    switch (w & 511) {
      case 0x07: {
        // add64 imm
        const y = code[at + 2]!
        const lo = (r[d]! + y) | 0
        r[d + 1] = r[d + 1]! + (code[at + 2]! >> 31) + (lo >>> 0 < y >>> 0 ? 1 : 0)
        r[d] = lo
        continue
      }
      case 0x0f: {
        // add64 reg
        const y = r[s]!
        const lo = (r[d]! + y) | 0
        r[d + 1] = r[d + 1]! + r[s + 1]! + (lo >>> 0 < y >>> 0 ? 1 : 0)
        r[d] = lo
        continue
      }
      case 0x17: {
        // sub64 imm
        const x = r[d]!
        const y = code[at + 2]!
        r[d + 1] = r[d + 1]! - (code[at + 2]! >> 31) - (x >>> 0 < y >>> 0 ? 1 : 0)
        r[d] = x - y
        continue
      }
      case 0x1f: {
        // sub64 reg
        const x = r[d]!
        const y = r[s]!
        r[d + 1] = r[d + 1]! - r[s + 1]! - (x >>> 0 < y >>> 0 ? 1 : 0)
        r[d] = x - y
        continue
      }
      case 0x27: // mul64 imm
      case 0x2f: {
        // mul64 reg
        const x = r[d]!
        const y = (w & 8) === 0 ? code[at + 2]! : r[s]!
        const yhi = (w & 8) === 0 ? y >> 31 : r[s + 1]!
        const xl = x & 0xffff
        const xh = x >>> 16
        const yl = y & 0xffff
        const yh = y >>> 16
        const t = Math.imul(xh, yl) + (Math.imul(xl, yl) >>> 16)
        const u = Math.imul(xl, yh) + (t & 0xffff)
        const high = Math.imul(xh, yh) + (t >>> 16) + (u >>> 16)
        r[d + 1] = high + Math.imul(x, yhi) + Math.imul(r[d + 1]!, y)
        r[d] = Math.imul(x, y)
        continue
      }
      case 0x37: // div64 imm
        divide64(r, d, code[at + 2]!, code[at + 2]! >> 31)
        continue
      case 0x3f: // div64 reg
        divide64(r, d, r[s]!, r[s + 1]!)
        continue
      case 0x47: // or64 imm
        r[d] = r[d]! | code[at + 2]!
        r[d + 1] = r[d + 1]! | (code[at + 2]! >> 31)
        continue
      case 0x4f: // or64 reg
        r[d] = r[d]! | r[s]!
        r[d + 1] = r[d + 1]! | r[s + 1]!
        continue
      case 0x57: // and64 imm
        r[d] = r[d]! & code[at + 2]!
        r[d + 1] = r[d + 1]! & (code[at + 2]! >> 31)
        continue
      case 0x5f: // and64 reg
        r[d] = r[d]! & r[s]!
        r[d + 1] = r[d + 1]! & r[s + 1]!
        continue
      case 0x67: {
        // lsh64 imm
        const n = code[at + 2]! & 63
        if (n >= 32) {
          r[d + 1] = r[d]! << n
          r[d] = 0
        } else if (n !== 0) {
          r[d + 1] = (r[d + 1]! << n) | (r[d]! >>> (32 - n))
          r[d] = r[d]! << n
        }
        continue
      }
      case 0x6f: {
        // lsh64 reg
        const n = r[s]! & 63
        if (n >= 32) {
          r[d + 1] = r[d]! << n
          r[d] = 0
        } else if (n !== 0) {
          r[d + 1] = (r[d + 1]! << n) | (r[d]! >>> (32 - n))
          r[d] = r[d]! << n
        }
        continue
      }
      case 0x77: // rsh64 imm
      case 0x7f: {
        // rsh64 reg
        const n = ((w & 8) === 0 ? code[at + 2]! : r[s]!) & 63
        const hi = r[d + 1]!
        if (n >= 32) {
          r[d] = hi >>> n
          r[d + 1] = 0
        } else if (n !== 0) {
          r[d] = (r[d]! >>> n) | (hi << (32 - n))
          r[d + 1] = hi >>> n
        }
        continue
      }
      case 0x97: // mod64 imm
        modulo64(r, d, code[at + 2]!, code[at + 2]! >> 31)
        continue
      case 0x9f: // mod64 reg
        modulo64(r, d, r[s]!, r[s + 1]!)
        continue
      case 0xa7: // xor64 imm
        r[d] = r[d]! ^ code[at + 2]!
        r[d + 1] = r[d + 1]! ^ (code[at + 2]! >> 31)
        continue
      case 0xaf: // xor64 reg
        r[d] = r[d]! ^ r[s]!
        r[d + 1] = r[d + 1]! ^ r[s + 1]!
        continue
      case 0xb7: // mov64 imm
        r[d] = code[at + 2]!
        r[d + 1] = code[at + 2]! >> 31
        continue
      case 0xbf: // mov64 reg
        r[d] = r[s]!
        r[d + 1] = r[s + 1]!
        continue
      case 0xc7: // arsh64 imm
      case 0xcf: {
        // arsh64 reg
        const n = ((w & 8) === 0 ? code[at + 2]! : r[s]!) & 63
        const hi = r[d + 1]!
        if (n >= 32) {
          r[d] = hi >> n
          r[d + 1] = hi >> 31
        } else if (n !== 0) {
          r[d] = (r[d]! >>> n) | (hi << (32 - n))
          r[d + 1] = hi >> n
        }
        continue
      }
      case 0x04: // add32 imm
        r[d] = r[d]! + code[at + 2]!
        r[d + 1] = 0
        continue
      case 0x0c: // add32 reg
        r[d] = r[d]! + r[s]!
        r[d + 1] = 0
        continue
      case 0x14: // sub32 imm
        r[d] = r[d]! - code[at + 2]!
        r[d + 1] = 0
        continue
      case 0x1c: // sub32 reg
        r[d] = r[d]! - r[s]!
        r[d + 1] = 0
        continue
      case 0x24: // mul32 imm
        r[d] = Math.imul(r[d]!, code[at + 2]!)
        r[d + 1] = 0
        continue
      case 0x2c: // mul32 reg
        r[d] = Math.imul(r[d]!, r[s]!)
        r[d + 1] = 0
        continue
      case 0x34: {
        // div32 imm
        const y = code[at + 2]!
        r[d] = y === 0 ? 0 : (r[d]! >>> 0) / (y >>> 0)
        r[d + 1] = 0
        continue
      }
      case 0x3c: {
        // div32 reg
        const y = r[s]!
        r[d] = y === 0 ? 0 : (r[d]! >>> 0) / (y >>> 0)
        r[d + 1] = 0
        continue
      }
      case 0x44: // or32 imm
        r[d] = r[d]! | code[at + 2]!
        r[d + 1] = 0
        continue
      case 0x4c: // or32 reg
        r[d] = r[d]! | r[s]!
        r[d + 1] = 0
        continue
      case 0x54: // and32 imm
        r[d] = r[d]! & code[at + 2]!
        r[d + 1] = 0
        continue
      case 0x5c: // and32 reg
        r[d] = r[d]! & r[s]!
        r[d + 1] = 0
        continue
      case 0x64: // lsh32 imm
        r[d] = r[d]! << code[at + 2]!
        r[d + 1] = 0
        continue
      case 0x6c: // lsh32 reg
        r[d] = r[d]! << r[s]!
        r[d + 1] = 0
        continue
      case 0x74: // rsh32 imm
        r[d] = r[d]! >>> code[at + 2]!
        r[d + 1] = 0
        continue
      case 0x7c: // rsh32 reg
        r[d] = r[d]! >>> r[s]!
        r[d + 1] = 0
        continue
      case 0x94: {
        // mod32 imm
        const y = code[at + 2]!
        if (y !== 0) r[d] = (r[d]! >>> 0) % (y >>> 0)
        r[d + 1] = 0
        continue
      }
      case 0x9c: {
        // mod32 reg
        const y = r[s]!
        if (y !== 0) r[d] = (r[d]! >>> 0) % (y >>> 0)
        r[d + 1] = 0
        continue
      }
      case 0xa4: // xor32 imm
        r[d] = r[d]! ^ code[at + 2]!
        r[d + 1] = 0
        continue
      case 0xac: // xor32 reg
        r[d] = r[d]! ^ r[s]!
        r[d + 1] = 0
        continue
      case 0xb4: // mov32 imm
        r[d] = code[at + 2]!
        r[d + 1] = 0
        continue
      case 0xbc: // mov32 reg
        r[d] = r[s]!
        r[d + 1] = 0
        continue
      case 0xc4: // arsh32 imm
        r[d] = r[d]! >> code[at + 2]!
        r[d + 1] = 0
        continue
      case 0xcc: // arsh32 reg
        r[d] = r[d]! >> r[s]!
        r[d + 1] = 0
        continue
      case 0x87: {
        // neg64
        const x = r[d]!
        r[d] = 0 - x
        r[d + 1] = (x === 0 ? 0 : -1) - r[d + 1]!
        continue
      }
      case 0x84: // neg32
        r[d] = 0 - r[d]!
        r[d + 1] = 0
        continue
      case 0x15: // jeq imm
        if (r[d] === code[at + 2] && r[d + 1] === code[at + 2]! >> 31) break
        continue
      case 0x1d: // jeq reg
        if (r[d] === r[s] && r[d + 1] === r[s + 1]) break
        continue
      case 0x25: {
        // jgt imm
        const x = r[d + 1]!
        const y = code[at + 2]! >> 31
        if (x === y ? r[d]! >>> 0 > code[at + 2]! >>> 0 : x >>> 0 > y >>> 0) break
        continue
      }
      case 0x2d: {
        // jgt reg
        const x = r[d + 1]!
        const y = r[s + 1]!
        if (x === y ? r[d]! >>> 0 > r[s]! >>> 0 : x >>> 0 > y >>> 0) break
        continue
      }
      case 0x35: {
        // jge imm
        const x = r[d + 1]!
        const y = code[at + 2]! >> 31
        if (x === y ? r[d]! >>> 0 >= code[at + 2]! >>> 0 : x >>> 0 > y >>> 0) break
        continue
      }
      case 0x3d: {
        // jge reg
        const x = r[d + 1]!
        const y = r[s + 1]!
        if (x === y ? r[d]! >>> 0 >= r[s]! >>> 0 : x >>> 0 > y >>> 0) break
        continue
      }
      case 0x45: // jset imm
        if ((r[d]! & code[at + 2]!) !== 0 || (r[d + 1]! & (code[at + 2]! >> 31)) !== 0) break
        continue
      case 0x4d: // jset reg
        if ((r[d]! & r[s]!) !== 0 || (r[d + 1]! & r[s + 1]!) !== 0) break
        continue
      case 0x55: // jne imm
        if (r[d] === code[at + 2] && r[d + 1] === code[at + 2]! >> 31) continue
        break
      case 0x5d: // jne reg
        if (r[d] === r[s] && r[d + 1] === r[s + 1]) continue
        break
      case 0x65: {
        // jsgt imm
        const x = r[d + 1]!
        const y = code[at + 2]! >> 31
        if (x === y ? r[d]! >>> 0 > code[at + 2]! >>> 0 : x > y) break
        continue
      }
      case 0x6d: {
        // jsgt reg
        const x = r[d + 1]!
        const y = r[s + 1]!
        if (x === y ? r[d]! >>> 0 > r[s]! >>> 0 : x > y) break
        continue
      }
      case 0x75: {
        // jsge imm
        const x = r[d + 1]!
        const y = code[at + 2]! >> 31
        if (x === y ? r[d]! >>> 0 >= code[at + 2]! >>> 0 : x > y) break
        continue
      }
      case 0x7d: {
        // jsge reg
        const x = r[d + 1]!
        const y = r[s + 1]!
        if (x === y ? r[d]! >>> 0 >= r[s]! >>> 0 : x > y) break
        continue
      }
      case 0xa5: {
        // jlt imm
        const x = r[d + 1]!
        const y = code[at + 2]! >> 31
        if (x === y ? r[d]! >>> 0 < code[at + 2]! >>> 0 : x >>> 0 < y >>> 0) break
        continue
      }
      case 0xad: {
        // jlt reg
        const x = r[d + 1]!
        const y = r[s + 1]!
        if (x === y ? r[d]! >>> 0 < r[s]! >>> 0 : x >>> 0 < y >>> 0) break
        continue
      }
      case 0xb5: {
        // jle imm
        const x = r[d + 1]!
        const y = code[at + 2]! >> 31
        if (x === y ? r[d]! >>> 0 <= code[at + 2]! >>> 0 : x >>> 0 < y >>> 0) break
        continue
      }
      case 0xbd: {
        // jle reg
        const x = r[d + 1]!
        const y = r[s + 1]!
        if (x === y ? r[d]! >>> 0 <= r[s]! >>> 0 : x >>> 0 < y >>> 0) break
        continue
      }
      case 0xc5: {
        // jslt imm
        const x = r[d + 1]!
        const y = code[at + 2]! >> 31
        if (x === y ? r[d]! >>> 0 < code[at + 2]! >>> 0 : x < y) break
        continue
      }
      case 0xcd: {
        // jslt reg
        const x = r[d + 1]!
        const y = r[s + 1]!
        if (x === y ? r[d]! >>> 0 < r[s]! >>> 0 : x < y) break
        continue
      }
      case 0xd5: {
        // jsle imm
        const x = r[d + 1]!
        const y = code[at + 2]! >> 31
        if (x === y ? r[d]! >>> 0 <= code[at + 2]! >>> 0 : x < y) break
        continue
      }
      case 0xdd: {
        // jsle reg
        const x = r[d + 1]!
        const y = r[s + 1]!
        if (x === y ? r[d]! >>> 0 <= r[s]! >>> 0 : x < y) break
        continue
      }
      case 0x16: // jeq32 imm
        if (r[d] === code[at + 2]) break
        continue
      case 0x1e: // jeq32 reg
        if (r[d] === r[s]) break
        continue
      case 0x26: // jgt32 imm
        if (r[d]! >>> 0 > code[at + 2]! >>> 0) break
        continue
      case 0x2e: // jgt32 reg
        if (r[d]! >>> 0 > r[s]! >>> 0) break
        continue
      case 0x36: // jge32 imm
        if (r[d]! >>> 0 >= code[at + 2]! >>> 0) break
        continue
      case 0x3e: // jge32 reg
        if (r[d]! >>> 0 >= r[s]! >>> 0) break
        continue
      case 0x46: // jset32 imm
        if ((r[d]! & code[at + 2]!) !== 0) break
        continue
      case 0x4e: // jset32 reg
        if ((r[d]! & r[s]!) !== 0) break
        continue
      case 0x56: // jne32 imm
        if (r[d] !== code[at + 2]) break
        continue
      case 0x5e: // jne32 reg
        if (r[d] !== r[s]) break
        continue
      case 0x66: // jsgt32 imm
        if (r[d]! > code[at + 2]!) break
        continue
      case 0x6e: // jsgt32 reg
        if (r[d]! > r[s]!) break
        continue
      case 0x76: // jsge32 imm
        if (r[d]! >= code[at + 2]!) break
        continue
      case 0x7e: // jsge32 reg
        if (r[d]! >= r[s]!) break
        continue
      case 0xa6: // jlt32 imm
        if (r[d]! >>> 0 < code[at + 2]! >>> 0) break
        continue
      case 0xae: // jlt32 reg
        if (r[d]! >>> 0 < r[s]! >>> 0) break
        continue
      case 0xb6: // jle32 imm
        if (r[d]! >>> 0 <= code[at + 2]! >>> 0) break
        continue
      case 0xbe: // jle32 reg
        if (r[d]! >>> 0 <= r[s]! >>> 0) break
        continue
      case 0xc6: // jslt32 imm
        if (r[d]! < code[at + 2]!) break
        continue
      case 0xce: // jslt32 reg
        if (r[d]! < r[s]!) break
        continue
      case 0xd6: // jsle32 imm
        if (r[d]! <= code[at + 2]!) break
        continue
      case 0xde: // jsle32 reg
        if (r[d]! <= r[s]!) break
        continue
      case 0x05: // ja, gotol
        break
      case 0x61: {
        // ldxw
        const a = (r[s]! + code[at + 1]! - 65536) >>> 0
        if (r[s + 1] !== 0 || a > top - 4) state.fault(program, at, s, 4, false)
        r[d] = view.getInt32(a, true)
        r[d + 1] = 0
        continue
      }
      case 0x69: {
        // ldxh
        const a = (r[s]! + code[at + 1]! - 65536) >>> 0
        if (r[s + 1] !== 0 || a > top - 2) state.fault(program, at, s, 2, false)
        r[d] = view.getUint16(a, true)
        r[d + 1] = 0
        continue
      }
      case 0x71: {
        // ldxb
        const a = (r[s]! + code[at + 1]! - 65536) >>> 0
        if (r[s + 1] !== 0 || a > top - 1) state.fault(program, at, s, 1, false)
        r[d] = view.getUint8(a)
        r[d + 1] = 0
        continue
      }
      case 0x79: {
        // ldxdw
        const a = (r[s]! + code[at + 1]! - 65536) >>> 0
        if (r[s + 1] !== 0 || a > top - 8) state.fault(program, at, s, 8, false)
        r[d] = view.getInt32(a, true)
        r[d + 1] = view.getInt32(a + 4, true)
        continue
      }
      case 0x81: {
        // ldxsw
        const a = (r[s]! + code[at + 1]! - 65536) >>> 0
        if (r[s + 1] !== 0 || a > top - 4) state.fault(program, at, s, 4, false)
        const x = view.getInt32(a, true)
        r[d] = x
        r[d + 1] = x >> 31
        continue
      }
      case 0x89: {
        // ldxsh
        const a = (r[s]! + code[at + 1]! - 65536) >>> 0
        if (r[s + 1] !== 0 || a > top - 2) state.fault(program, at, s, 2, false)
        const x = view.getInt16(a, true)
        r[d] = x
        r[d + 1] = x >> 31
        continue
      }
      case 0x91: {
        // ldxsb
        const a = (r[s]! + code[at + 1]! - 65536) >>> 0
        if (r[s + 1] !== 0 || a > top - 1) state.fault(program, at, s, 1, false)
        const x = view.getInt8(a)
        r[d] = x
        r[d + 1] = x >> 31
        continue
      }
      case 0x62: {
        // stw
        const a = (r[d]! + code[at + 1]! - 65536) >>> 0
        if (r[d + 1] !== 0 || a > top - 4) state.fault(program, at, d, 4, true)
        view.setInt32(a, code[at + 2]!, true)
        continue
      }
      case 0x6a: {
        // sth
        const a = (r[d]! + code[at + 1]! - 65536) >>> 0
        if (r[d + 1] !== 0 || a > top - 2) state.fault(program, at, d, 2, true)
        view.setInt16(a, code[at + 2]!, true)
        continue
      }
      case 0x72: {
        // stb
        const a = (r[d]! + code[at + 1]! - 65536) >>> 0
        if (r[d + 1] !== 0 || a > top - 1) state.fault(program, at, d, 1, true)
        view.setInt8(a, code[at + 2]!)
        continue
      }
      case 0x7a: {
        // stdw
        const a = (r[d]! + code[at + 1]! - 65536) >>> 0
        if (r[d + 1] !== 0 || a > top - 8) state.fault(program, at, d, 8, true)
        view.setInt32(a, code[at + 2]!, true)
        view.setInt32(a + 4, code[at + 2]! >> 31, true)
        continue
      }
      case 0x63: {
        // stxw
        const a = (r[d]! + code[at + 1]! - 65536) >>> 0
        if (r[d + 1] !== 0 || a > top - 4) state.fault(program, at, d, 4, true)
        view.setInt32(a, r[s]!, true)
        continue
      }
      case 0x6b: {
        // stxh
        const a = (r[d]! + code[at + 1]! - 65536) >>> 0
        if (r[d + 1] !== 0 || a > top - 2) state.fault(program, at, d, 2, true)
        view.setInt16(a, r[s]!, true)
        continue
      }
      case 0x73: {
        // stxb
        const a = (r[d]! + code[at + 1]! - 65536) >>> 0
        if (r[d + 1] !== 0 || a > top - 1) state.fault(program, at, d, 1, true)
        view.setInt8(a, r[s]!)
        continue
      }
      case 0x7b: {
        // stxdw
        const a = (r[d]! + code[at + 1]! - 65536) >>> 0
        if (r[d + 1] !== 0 || a > top - 8) state.fault(program, at, d, 8, true)
        view.setInt32(a, r[s]!, true)
        view.setInt32(a + 4, r[s + 1]!, true)
        continue
      }
      case 0xc3: {
        // atomic add32
        const a = (r[d]! + code[at + 1]! - 65536) >>> 0
        if (r[d + 1] !== 0 || a > top - 4) state.fault(program, at, d, 4, true)
        view.setInt32(a, view.getInt32(a, true) + r[s]!, true)
        continue
      }
      case 0xdb: {
        // atomic add64
        const a = (r[d]! + code[at + 1]! - 65536) >>> 0
        if (r[d + 1] !== 0 || a > top - 8) state.fault(program, at, d, 8, true)
        const y = r[s]!
        const lo = (view.getInt32(a, true) + y) | 0
        view.setInt32(a + 4, view.getInt32(a + 4, true) + r[s + 1]! + (lo >>> 0 < y >>> 0 ? 1 : 0), true)
        view.setInt32(a, lo, true)
        continue
      }

      case 0x18: // ld_imm64
        r[d] = code[at + 2]!
        r[d + 1] = code[at + 1]!
        continue
      case 0xe5: // may_goto
        if (--loops[depth]! < 0) break
        continue
      case 0x95: // exit
        if (depth === bottom) {
          state.charge(pc - base)
          return
        }
        depth--
        {
          const f = depth * SAVED_WORDS
          for (let i = 0; i < 8; i++) r[12 + i] = save[f + i]!
          base += save[f + 8]! - pc
          pc = save[f + 8]!
          r[20] = r[20]! + FRAME_SIZE
        }
        if (program !== state.frames[depth]) {
          program = state.frames[depth]!
          code = program.code
          functions = program.functions
        }
        continue
      case 256: {
        // call of a subprogram
        const f = depth * SAVED_WORDS
        if (++depth >= ceiling) state.failDepth(program, at)
        for (let i = 0; i < 8; i++) save[f + i] = r[12 + i]!
        save[f + 8] = pc
        r[20] = r[20]! - FRAME_SIZE
        state.frames[depth] = program
        loops[depth] = MAX_LOOPS
        break
      }
      case 257: {
        // call of a helper or kfunc; d: number of arguments, s: kind of result
        state.pc = at
        state.depth = depth + 1
        const f = functions[code[at + 2]!]!
        let x: number
        switch (d) {
          case 0:
            x = f(machine)
            break
          case 1:
            x = f(machine, r[2]!)
            break
          case 2:
            x = f(machine, r[2]!, r[4]!)
            break
          case 3:
            x = f(machine, r[2]!, r[4]!, r[6]!)
            break
          case 4:
            x = f(machine, r[2]!, r[4]!, r[6]!, r[8]!)
            break
          case 5:
            x = f(machine, r[2]!, r[4]!, r[6]!, r[8]!, r[10]!)
            break
          case 6: // the last one of 64 bits: map_update_elem
            x = f(machine, r[2]!, r[4]!, r[6]!, r[8]!, r[9]!)
            break
          default:
            x = invokeWide(machine, f, r, program.wide[code[at + 1]!]!)
        }
        r[0] = x
        r[1] = s === 0 ? 0 : s === 1 ? x >> 31 : machine.r0hi
        view = memory.program
        top = memory.size - LOWEST
        continue
      }
      case 258: {
        // tail call
        state.pc = at
        state.depth = depth + 1
        const target = state.tailCall()
        if (target === undefined) continue
        // Each program may have its own eight frames on top of those that wait for it.
        ceiling = Math.min(depth + MAX_FRAMES, loops.length)
        program = target
        code = program.code
        functions = program.functions
        state.frames[depth] = program
        loops[depth] = MAX_LOOPS
        base += program.entry - pc
        pc = program.entry
        view = memory.program
        top = memory.size - LOWEST
        continue
      }
      case 259: // call of the function or helper a register names
        state.pc = at
        state.depth = depth + 1
        state.callRegister(program, at, r[d]!)
        view = memory.program
        top = memory.size - LOWEST
        continue
      case 0x20: // ld_abs and ld_ind: w, h, b
      case 0x28:
      case 0x30:
      case 0x40:
      case 0x48:
      case 0x50: {
        state.pc = at
        const x = state.loadPacket(w & 511, r[s]!, code[at + 2]!)
        r[0] = x
        r[1] = 0
        view = memory.program
        top = memory.size - LOWEST
        if (x >= 0) continue
        // Out of the packet: the function returns 0. Position 0 of every program is an exit.
        r[0] = 0
        base -= pc
        pc = 0
        continue
      }
      case 260: // a hook before the next instruction
        state.pc = at
        state.depth = depth + 1
        state.hook(program, at)
        continue
      case 261:
        state.fail(program, at, 'the program runs off its last instruction')
        continue
      default:
        state.pc = at
        rareOperation(state, program, at)
        continue
    }
    // A jump is taken (or a subprogram entered).
    const jump = code[at + 1]!
    pc += jump
    base += jump
    if (pc - base > chunk) {
      state.charge(pc - base)
      base = pc
      chunk = state.nextChunk(program, at)
    }
  }
}
