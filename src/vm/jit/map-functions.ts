import { ERRNO } from '../../base/index.js'
import type { MapFunctions } from '../types.js'
import type { ValueType } from '../wasm/opcodes.js'
import { type FunctionContext, get32, get64, set64 } from './emitter.js'

const UPDATE_ELEM = 2
const DELETE_ELEM = 3
const RINGBUF_OUTPUT = 130
const RINGBUF_RESERVE = 131
const RINGBUF_SUBMIT = 132
const RINGBUF_DISCARD = 133

interface MapFunction {
  /** Helpers that come down to it. */
  readonly helpers: readonly number[]
  readonly params: readonly ValueType[]
  readonly results: readonly ValueType[]
  /** It is one of ring buffers. */
  readonly rings: boolean
}

/** Functions of maps that compiled code imports. */
export const MAP_FUNCTIONS: Record<keyof MapFunctions, MapFunction> = {
  update: { helpers: [UPDATE_ELEM], params: ['i32', 'i32', 'i32'], results: ['i32'], rings: false },
  delete: { helpers: [DELETE_ELEM], params: ['i32'], results: ['i32'], rings: false },
  reserve: { helpers: [RINGBUF_RESERVE], params: ['i32'], results: ['i32'], rings: true },
  commit: { helpers: [RINGBUF_SUBMIT, RINGBUF_DISCARD], params: ['i32', 'i32', 'i32'], results: [], rings: true },
  output: { helpers: [RINGBUF_OUTPUT], params: ['i32', 'i32', 'i32'], results: ['i32'], rings: true },
}

/** A call of a helper that a known map does in WebAssembly. False: the host must be called. */
export function callKnownMap(f: FunctionContext, helper: number): boolean {
  switch (helper) {
    case UPDATE_ELEM:
      return update(f)
    case DELETE_ELEM:
      return remove(f)
    case RINGBUF_OUTPUT:
      return output(f)
    case RINGBUF_RESERVE:
      return reserve(f)
    case RINGBUF_SUBMIT:
    case RINGBUF_DISCARD:
      return commit(f, helper === RINGBUF_DISCARD)
    default:
      return false
  }
}

/** The function of the map that r1 is known to hold. */
function known({ facts, module }: FunctionContext, name: keyof MapFunctions): number | undefined {
  const handle = facts.constants[1]!
  return Number.isNaN(handle) ? undefined : module.mapFunction(handle, name)
}

/** Pushes whether a register's high half is not zero; false where that is known, and nothing is pushed. */
function highHalf(f: FunctionContext, register: number): boolean {
  const value = f.facts.constants[register]!
  if (value >= 0) return false
  get64(f, register)
  f.code.i64(32).op('i64.shr_u').op('i32.wrap_i64')
  return true
}

function update(f: FunctionContext): boolean {
  const func = known(f, 'update')
  if (func === undefined) return false
  // The flags are 64 bits wide, and none of the high ones is known.
  const tested = highHalf(f, 4)
  if (tested) f.code.if('i32').i32(-ERRNO.EINVAL).op('else')
  for (const register of [2, 3, 4]) get32(f, register)
  f.code.call(func)
  if (tested) f.code.op('end')
  f.code.op('i64.extend_i32_s')
  set64(f, 0)
  return true
}

function remove(f: FunctionContext): boolean {
  const func = known(f, 'delete')
  if (func === undefined) return false
  get32(f, 2)
  f.code.call(func).op('i64.extend_i32_s')
  set64(f, 0)
  return true
}

/** bpf_ringbuf_reserve(ring, size, flags): no flag is known. */
function reserve(f: FunctionContext): boolean {
  const func = known(f, 'reserve')
  if (func === undefined) return false
  get64(f, 2)
  f.code.i64(32).op('i64.shr_u')
  get64(f, 3)
  f.code.op('i64.or').op('i64.eqz').if('i32')
  get32(f, 2)
  f.code.call(func).op('else').i32(0).op('end').op('i64.extend_i32_u')
  set64(f, 0)
  return true
}

/** bpf_ringbuf_submit and bpf_ringbuf_discard: the record itself leads to its ring. */
function commit(f: FunctionContext, discard: boolean): boolean {
  const func = f.module.ringCommit
  if (func === undefined) return false
  get32(f, 1)
  f.code.i32(discard ? 1 : 0)
  get32(f, 2)
  f.code.call(func).i64(0)
  set64(f, 0)
  return true
}

/** bpf_ringbuf_output(ring, data, size, flags). A size of more than 32 bits never fits. */
function output(f: FunctionContext): boolean {
  const func = known(f, 'output')
  if (func === undefined) return false
  const { code } = f
  const tested = highHalf(f, 4)
  if (tested) code.if('i32').i32(-ERRNO.EINVAL).op('else')
  get32(f, 2)
  code.i32(-1)
  get32(f, 3)
  if (!highHalf(f, 3)) code.i32(0)
  code.op('select')
  get32(f, 4)
  code.call(func)
  if (tested) code.op('end')
  code.op('i64.extend_i32_s')
  set64(f, 0)
  return true
}
