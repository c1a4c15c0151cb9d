import type { Fd, MapCreateRequest, ProgLoadRequest } from '../../kernel/index.js'
import type { Machine } from '../../vm/index.js'
import type { Session } from '../session.js'
import type { Creation, MapOrigin, ProgOrigin } from '../state/objects.js'

const LD_IMM64 = 0x18
const PSEUDO_MAP_FD = 1
const PSEUDO_MAP_VALUE = 2

/** Does something, and notes what it took of the machine: where it allocated, which random numbers it drew. */
export function recordCreation<T>(machine: Machine, work: () => T): Creation & { readonly result: T } {
  const { result: drawn, allocations } = machine.memory.watch(() => machine.watchRandom(work))
  return { result: drawn.result, allocations, randoms: drawn.randoms }
}

/** Does it again: at the same addresses, with the same random numbers. */
export function repeatCreation<T>(machine: Machine, creation: Creation, work: () => T): T {
  return machine.memory.again(creation.allocations, () => machine.watchRandom(work, creation.randoms)).result
}

export function mapOrigin(session: Session, r: MapCreateRequest, creation: Creation): MapOrigin {
  const { innerMapFd, btfFd: _btfFd, ...request } = r
  const inner = innerMapFd === undefined ? undefined : session.map(innerMapFd, 'map_create').origin?.request
  return { ...creation, request, inner }
}

export function progOrigin(session: Session, r: ProgLoadRequest, creation: Creation): ProgOrigin {
  const request = Object.fromEntries(
    Object.entries(r).map(([name, value]) => [name, value instanceof Uint8Array ? value.slice() : value]),
  ) as unknown as ProgLoadRequest
  const descriptors: ProgOrigin['descriptors'][number][] = []
  for (const fd of descriptorsOf(r)) {
    if (!session.isOpen(fd)) continue
    const { object } = session.descriptors.file(fd as Fd, 'prog_load')
    if (object.kind === 'map' || object.kind === 'prog' || object.kind === 'btf')
      descriptors.push({ fd, kind: object.kind, id: object.id })
  }
  return { ...creation, request, descriptors }
}

/** Numbers that may be descriptors: in the request, and of maps in the instructions. */
function descriptorsOf(r: ProgLoadRequest): Set<number> {
  const found = new Set<number>(r.fdArray ?? [])
  for (const fd of [r.progBtfFd, r.attachProgFd, r.attachBtfObjFd]) if (fd !== undefined) found.add(fd)
  const view = new DataView(r.insns.buffer, r.insns.byteOffset, r.insns.byteLength)
  for (let at = 0; at + 8 <= r.insns.length; at += 8) {
    if (r.insns[at] !== LD_IMM64) continue
    const source = (r.insns[at + 1] as number) >> 4
    if (source === PSEUDO_MAP_FD || source === PSEUDO_MAP_VALUE) found.add(view.getInt32(at + 4, true))
    at += 8
  }
  return found
}
