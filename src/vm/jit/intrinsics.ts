import { RANDOM_CONSTANTS } from '../seeded-random.js'
import { add, FunctionBuilder, load32, mul, shr, xor } from '../wasm/expressions.js'
import type { ModuleWriter } from '../wasm/module-writer.js'
import { type FunctionContext, set64 } from './emitter.js'

const KTIME_GET_NS = 5
const PRANDOM_U32 = 7
const SMP_PROCESSOR_ID = 8

/**
 * Helpers that compiled code answers itself: the CPU's number always, the time and random numbers where their source
 * keeps them in memory (PacketClock, SeededRandom). `callHost` writes the call for where it does not. False: not one of them.
 */
export function emitIntrinsic(f: FunctionContext, helper: number, callHost: () => void): boolean {
  const { code, module, t32 } = f
  const { machine } = module
  switch (helper) {
    case SMP_PROCESSOR_ID:
      code.i32(0).memory('i64.load32_u', machine.cpuCell)
      set64(f, 0)
      return true
    case KTIME_GET_NS:
      code.i32(0).memory('i32.load', machine.clockCell).tee(t32).if()
      code.get(t32).memory('i64.load', 0)
      break
    case PRANDOM_U32:
      code.i32(0).memory('i32.load', machine.randomCell).tee(t32).if()
      code.get(t32).call(module.prandom()).op('i64.extend_i32_u')
      break
    default:
      return false
  }
  set64(f, 0)
  code.op('else')
  callHost()
  code.op('end')
  return true
}

/** prandom(state's address) -> the next number of a SeededRandom. */
export function writePrandom(module: ModuleWriter): number {
  const { STEP, MIX_1, MIX_2 } = RANDOM_CONSTANTS
  const f = new FunctionBuilder(1)
  const state = f.local(add(load32(f.param(0)), STEP))
  f.store32(f.param(0), 0, state)
  const mixed = f.local(mul(xor(state, shr(state, 16)), MIX_1))
  f.set(mixed, mul(xor(mixed, shr(mixed, 15)), MIX_2))
  xor(mixed, shr(mixed, 15))(f.code)
  f.code.op('end')
  const index = module.declare('prandom', { params: ['i32'], results: ['i32'] })
  module.define(index, f.code)
  return index
}
