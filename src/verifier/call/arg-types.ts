// Which registers fit which kind of helper argument.

import type { ArgKind, HelperArg } from '../../spec/index.js'
import type { SpecialField } from '../access/special-fields.js'
import type { Env } from '../env.js'
import {
  ALLOC,
  DYNPTR_FLAGS,
  MAYBE_NULL,
  PERCPU,
  RCU,
  RDONLY,
  type Reg,
  type RegType,
  RINGBUF,
  TRUSTED,
  typeText,
} from '../state/reg.js'
import { fitsPointerField } from './special/kptr.js'
import { isStructAt } from './struct-types.js'

type Fit = readonly [type: RegType, flags: number]

const plain = (...types: RegType[]): Fit[] => types.map((type) => [type, 0])

const SOCKETS = plain('sock_common', 'sock', 'tcp_sock', 'xdp_sock')
const MEMORY: readonly Fit[] = [
  ...plain('fp', 'pkt', 'pkt_meta', 'map_key', 'map_value', 'mem'),
  ['mem', RINGBUF],
  ['buf', 0],
  ['ptr_', TRUSTED],
]
const LOCKS: readonly Fit[] = [
  ['map_value', 0],
  ['ptr_', ALLOC],
]

const FITS: Readonly<Record<ArgKind, readonly Fit[] | undefined>> = {
  anything: undefined,
  const_map_ptr: plain('map_ptr'),
  ptr_to_map_key: MEMORY,
  ptr_to_map_value: MEMORY,
  ptr_to_mem: MEMORY,
  const_size: plain('scalar'),
  const_size_or_zero: plain('scalar'),
  const_alloc_size_or_zero: plain('scalar'),
  ptr_to_ctx: plain('ctx'),
  ptr_to_spin_lock: LOCKS,
  ptr_to_sock_common: SOCKETS,
  ptr_to_socket: plain('sock'),
  ptr_to_btf_id: [
    ['ptr_', 0],
    ['ptr_', TRUSTED],
    ['ptr_', RCU],
  ],
  ptr_to_btf_id_sock_common: [...SOCKETS, ['ptr_', 0], ['ptr_', TRUSTED]],
  ptr_to_percpu_btf_id: [
    ['ptr_', PERCPU],
    ['ptr_', PERCPU | RCU],
    ['ptr_', PERCPU | TRUSTED],
  ],
  ptr_to_ringbuf_mem: [['mem', RINGBUF]],
  ptr_to_func: plain('func'),
  ptr_to_stack: plain('fp'),
  ptr_to_const_str: plain('map_value'),
  ptr_to_timer: plain('map_value'),
  ptr_to_dynptr: plain('fp', 'dynptr_ptr'),
  kptr_xchg_dest: LOCKS,
}

export interface HelperTypeFacts {
  readonly helper: string
  readonly pointerField: SpecialField | undefined
  /** The type of the kernel's BTF wanted; absent: the one the argument names. */
  readonly objectId?: number
}

/** The register is of a type the argument takes. */
export function checkArgType(env: Env, regno: number, arg: HelperArg, facts: HelperTypeFacts): void {
  const reg = env.reg(regno)
  const fits = FITS[arg.kind]
  if (fits === undefined) return
  let { flags } = reg
  if (arg.rdonly) flags &= ~RDONLY
  if (arg.maybeNull) flags &= ~MAYBE_NULL
  if (arg.kind === 'ptr_to_mem') flags &= ~DYNPTR_FLAGS
  if (facts.helper === 'kptr_xchg' && regno === 2 && (flags & ALLOC) !== 0) flags &= ~(ALLOC | PERCPU)
  if (!fits.some(([type, wanted]) => type === reg.type && wanted === flags)) {
    const expected = fits.map(([type, wanted]) => typeText(type, wanted)).join(', ')
    env.refuse(`R${regno} type=${typeText(reg.type, reg.flags)} expected=${expected}`, 'EACCES')
  }
  if (reg.type === 'ptr_') checkObject(env, regno, arg, facts)
}

const OBJECT = MAYBE_NULL | TRUSTED | RCU

function checkObject(env: Env, regno: number, arg: HelperArg, facts: HelperTypeFacts): void {
  const reg = env.reg(regno)
  if (FITS[arg.kind] === MEMORY) {
    if (arg.rdonly !== true && arg.kind !== 'ptr_to_map_key') {
      env.refuse(
        `bpf_${facts.helper}() may write into memory pointed by R${regno} type=${typeText(reg.type, reg.flags)}`,
        'EACCES',
      )
    }
    return
  }
  if (facts.helper === 'kptr_xchg' && regno === 2) {
    if ((reg.flags & ~OBJECT) === 0) checkNull(env, regno, arg)
    if (facts.pointerField !== undefined) fitsPointerField(env, facts.pointerField, regno)
    return
  }
  if ((reg.flags & ~OBJECT) !== 0) return
  checkNull(env, regno, arg)
  checkStruct(env, regno, arg, facts)
}

function checkNull(env: Env, regno: number, arg: HelperArg): void {
  const reg = env.reg(regno)
  if ((reg.flags & MAYBE_NULL) !== 0 && (arg.maybeNull !== true || arg.release === true)) {
    env.refuse(`Possibly NULL pointer passed to helper arg${regno}`, 'EACCES')
  }
}

function checkStruct(env: Env, regno: number, arg: HelperArg, { helper, objectId }: HelperTypeFacts): void {
  const reg: Reg = env.reg(regno)
  const { kernelBtf } = env.prog
  const name = arg.kind === 'ptr_to_btf_id_sock_common' ? 'sock_common' : (arg.btf ?? '')
  const wanted = objectId ?? kernelBtf?.findByName(name, 'struct')
  if (kernelBtf === undefined || wanted === undefined || reg.btf === null) {
    env.unsupported('arguments that are kernel objects')
  }
  const strict = arg.release === true && helper !== 'sk_release'
  if (isStructAt(reg.btf, reg.btfId, reg.off, { btf: kernelBtf, kernel: true }, wanted, strict)) return
  const given = reg.btf.btf.typeName(reg.btfId)
  env.refuse(`R${regno} is of type ${given} but ${name} is expected`, 'EACCES')
}
