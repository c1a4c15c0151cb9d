import {
  BPF_PSEUDO_BTF_ID,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_IDX,
  BPF_PSEUDO_MAP_IDX_VALUE,
  BPF_PSEUDO_MAP_VALUE,
  getCode,
  getImm,
  getOff,
  getSrc,
  setImm,
  setSrc,
} from '../../isa/index.js'
import type { Fd } from '../../kernel/index.js'
import { bpf_map_type } from '../../spec/index.js'
import type { Session } from '../session.js'
import type { MapObject } from '../state/objects.js'
import { CALL, LD_IMM64 } from './opcodes.js'
import { refuse } from './refusal.js'

const MAX_USED_MAPS = 64
const ARRAY = bpf_map_type.BPF_MAP_TYPE_ARRAY
const ARENA = bpf_map_type.BPF_MAP_TYPE_ARENA

/** What a program's instructions refer to. */
export interface ResolvedInsns {
  /** Slot of a ld_imm64 -> the value it loads. */
  readonly refs: Map<number, bigint>
  readonly maps: MapObject[]
  /** Slot of a call -> name of the kernel function. */
  readonly kfuncs: Map<number, string>
  /** Slots and ids of the helpers called. */
  readonly helperCalls: readonly { readonly slot: number; readonly id: number }[]
  /** Slots of calls of kernel functions that there are not. */
  readonly absentKfuncs: readonly number[]
  /** Slot of a ld_imm64 of a map's value -> the map. */
  readonly mapValues: ReadonlyMap<number, MapObject>
  /** As obj_get_info reports the instructions: maps by id. */
  readonly xlated: Uint8Array
}

/** Resolves descriptors in instructions (Linux: resolve_pseudo_ldimm64) and collects what is called. */
export function resolveInsns(
  session: Session,
  insns: Uint8Array,
  fdArray: readonly Fd[] | undefined,
  kfuncName: (btfId: number) => string | undefined,
): ResolvedInsns {
  const refs = new Map<number, bigint>()
  const maps: MapObject[] = []
  const kfuncs = new Map<number, string>()
  const helperCalls: { slot: number; id: number }[] = []
  const absentKfuncs: number[] = []
  const mapValues = new Map<number, MapObject>()
  const xlated = insns.slice()
  const useMap = (object: MapObject): void => {
    if (maps.includes(object)) return
    if (maps.length >= MAX_USED_MAPS) {
      refuse('E2BIG', `The total number of maps per program has reached the limit of ${MAX_USED_MAPS}`)
    }
    maps.push(object)
  }
  const mapByFd = (fd: number): MapObject => {
    try {
      return session.map(fd, 'prog_load')
    } catch {
      return refuse(session.isOpen(fd) ? 'EINVAL' : 'EBADF', `fd ${fd} is not pointing to valid bpf_map`)
    }
  }

  for (let slot = 0; slot < insns.length / 8; slot++) {
    const code = getCode(insns, slot)
    if (code === CALL) {
      const src = getSrc(insns, slot)
      const imm = getImm(insns, slot)
      if (src === 0) helperCalls.push({ slot, id: imm })
      else if (src === BPF_PSEUDO_KFUNC_CALL) {
        // What is absent and weak is 0, and must be behind a branch that is never taken.
        if (imm === 0 && getOff(insns, slot) === 0) {
          absentKfuncs.push(slot)
          continue
        }
        const name = getOff(insns, slot) === 0 ? kfuncName(imm) : undefined
        if (name === undefined) {
          refuse(
            'EINVAL',
            `kernel btf_id ${imm} is not a function`,
            'the embedded kernel has no kernel function of this BTF id',
          )
        }
        kfuncs.set(slot, name)
      } else if (src !== BPF_PSEUDO_CALL) refuse('EINVAL', 'BPF_CALL uses reserved fields')
      continue
    }
    if (code !== LD_IMM64) continue
    const src = getSrc(insns, slot)
    const imm = getImm(insns, slot)
    const next = getImm(insns, slot + 1)
    switch (src) {
      case 0:
      case BPF_PSEUDO_FUNC:
        break
      case BPF_PSEUDO_MAP_FD:
      case BPF_PSEUDO_MAP_IDX:
      case BPF_PSEUDO_MAP_VALUE:
      case BPF_PSEUDO_MAP_IDX_VALUE: {
        const byIndex = src === BPF_PSEUDO_MAP_IDX || src === BPF_PSEUDO_MAP_IDX_VALUE
        const direct = src === BPF_PSEUDO_MAP_VALUE || src === BPF_PSEUDO_MAP_IDX_VALUE
        if (!direct && next !== 0) refuse('EINVAL', 'unrecognized bpf_ld_imm64 insn')
        if (byIndex && fdArray === undefined) refuse('EPROTO', 'fd_idx without fd_array is invalid')
        const fd = byIndex ? fdArray?.[imm] : imm
        if (fd === undefined) refuse('EFAULT', `fd_idx ${imm} is past the end of fd_array`)
        const object = mapByFd(fd)
        useMap(object)
        const value = direct ? directValue(object, next >>> 0) : object.map.handle
        refs.set(slot, BigInt(value))
        if (direct) mapValues.set(slot, object)
        setSrc(xlated, slot, direct ? BPF_PSEUDO_MAP_VALUE : BPF_PSEUDO_MAP_FD)
        setImm(xlated, slot, object.id)
        break
      }
      case BPF_PSEUDO_BTF_ID:
        if (kfuncName(imm) === undefined) refuse('ENOENT', `ldimm64 insn specifies invalid btf_id ${imm}.`)
        refuse(
          'EINVAL',
          `ldimm64 unable to resolve the address of btf_id ${imm}`,
          'the embedded kernel has no addresses of kernel functions',
        )
        break
      default:
        refuse('EINVAL', 'unrecognized bpf_ld_imm64 insn')
    }
    slot++
  }
  return { refs, maps, kfuncs, helperCalls, absentKfuncs, mapValues, xlated }
}

/** Address inside the one value of a global-data map (Linux: array_map_direct_value_addr), or of an arena's start. */
function directValue(object: MapObject, offset: number): number {
  const { map } = object
  if ((map.type !== ARRAY && map.type !== ARENA) || map.elementAt === undefined) {
    refuse('EINVAL', 'no direct value access support for this map type')
  }
  const size = map.type === ARENA ? map.maxEntries * 4096 : map.valueSize
  if (map.type === ARRAY && map.maxEntries !== 1) {
    refuse('ENOTSUPP', `invalid access to map value pointer, value_size=${size} off=${offset}`)
  }
  if (offset >= size) refuse('EINVAL', `invalid access to map value pointer, value_size=${size} off=${offset}`)
  return map.elementAt(0) + offset
}
