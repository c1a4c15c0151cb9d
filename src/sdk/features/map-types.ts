import { BtfBuilder } from '../../btf/index.js'
import type { Fd, Kernel, MapCreateRequest } from '../../kernel/index.js'
import {
  bpf_map_create_flags,
  bpf_map_type,
  MAP_TYPES,
  type MapType,
  type MapTypeName,
  mapTypeByName,
  type SizeRule,
} from '../../spec/index.js'
import { type Availability, attempt, availability } from './attempt.js'
import { kernelTypes } from './kernel-types.js'

/** The smallest size a rule allows. */
function least(rule: SizeRule): number {
  return rule.only?.[0] ?? Math.max(rule.min ?? 0, rule.multipleOf ?? 0)
}

/** What a map of the type needs at least; descriptors it needs are opened through `open` and closed by the caller. */
function smallest(kernel: Kernel, type: MapType, open: (make: () => Fd) => Fd): MapCreateRequest {
  const flags = (type.requires ?? []).reduce((all, name) => all | Number(bpf_map_create_flags[name]), 0)
  const plain: MapCreateRequest = {
    mapType: type.id,
    keySize: least(type.key),
    valueSize: least(type.value),
    maxEntries: least(type.entries),
    mapFlags: flags,
  }
  if (type.inner === true) {
    const inner = { mapType: bpf_map_type.BPF_MAP_TYPE_ARRAY, keySize: 4, valueSize: 4, maxEntries: 1 }
    return { ...plain, innerMapFd: open(() => kernel.call('map_create', inner)) }
  }
  if (type.btf !== true && type.name !== 'struct_ops') return plain
  const builder = new BtfBuilder()
  const int = builder.add({
    kind: 'int',
    name: 'int',
    size: 4,
    bits: 32,
    bitOffset: 0,
    signed: true,
    char: false,
    bool: false,
  })
  const btfFd = open(() => kernel.call('btf_load', { btf: builder.build() }).fd)
  if (type.name === 'struct_ops') {
    const id = kernelTypes(kernel)?.findByName('bpf_struct_ops_tcp_congestion_ops', 'struct') ?? 1
    const struct = kernelTypes(kernel)?.type(id)
    return { ...plain, valueSize: struct?.kind === 'struct' ? struct.size : 8, btfFd, btfVmlinuxValueTypeId: id }
  }
  return { ...plain, valueSize: 4, btfFd, btfKeyTypeId: int, btfValueTypeId: int }
}

/** Whether maps of a type can be made. The smallest map of the type is created and closed again. */
export function probeMapType(kernel: Kernel, name: MapTypeName): Availability {
  const type = mapTypeByName(name) as MapType
  const opened: Fd[] = []
  try {
    const made = attempt(() => {
      const request = smallest(kernel, type, (make) => {
        const fd = make()
        opened.push(fd)
        return fd
      })
      return kernel.call('map_create', request)
    })
    if (made.fd !== undefined) opened.push(made.fd)
    // ENOTSUPP: a kernel with struct_ops, but none of the kind that was asked for.
    return availability(made.code, name === 'struct_ops' ? ['ENOTSUPP'] : [])
  } finally {
    for (const fd of opened) kernel.call('close', { fd })
  }
}

export function probeMapTypes(kernel: Kernel): Record<MapTypeName, Availability> {
  const answers = MAP_TYPES.map(({ name }) => [name, probeMapType(kernel, name)] as const)
  return Object.fromEntries(answers) as Record<MapTypeName, Availability>
}
