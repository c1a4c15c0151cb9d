import { type Btf, type BtfComposite, resolve, sizeOf } from '../btf/index.js'
import type { Fd, Kernel, ProgLoadRequest } from '../kernel/index.js'
import { kernelName, type MapSpec, ObjectError, type ObjectSpec, objectBtf, type ProgramSpec } from '../object/index.js'

/** The kernel's side of a struct_ops map: the operations struct inside its wrapper. */
interface KernelOps {
  readonly btf: Btf
  readonly type: BtfComposite
  readonly typeId: number
  readonly wrapperId: number
  readonly wrapperSize: number
  /** Bytes from the wrapper's start to the struct. */
  readonly dataOffset: number
}

function kernelOps(spec: ObjectSpec, map: MapSpec, vmlinux: Btf | undefined): KernelOps {
  const name = map.structOps?.typeName ?? ''
  const fail = (reason: string): never => {
    throw new ObjectError(`struct_ops init_kern: ${reason}`, {
      file: spec.file,
      section: map.section,
      symbol: map.name,
      hint: 'this kernel has no such operations, or tells nothing of its types (CONFIG_DEBUG_INFO_BTF)',
    })
  }
  const typeId = vmlinux?.findByName(essential(name), 'struct')
  const wrapperId = vmlinux?.findByName(`bpf_struct_ops_${essential(name)}`, 'struct')
  if (vmlinux === undefined || typeId === undefined) return fail(`struct ${name} is not found in kernel BTF`)
  if (wrapperId === undefined) return fail(`struct bpf_struct_ops_${name} is not found in kernel BTF`)
  const type = vmlinux.type(typeId) as BtfComposite
  const wrapper = vmlinux.type(wrapperId) as BtfComposite
  const data = wrapper.members.find((member) => resolve(vmlinux, member.type).id === typeId)
  if (data === undefined) return fail(`struct bpf_struct_ops_${name} holds no struct ${name}`)
  return { btf: vmlinux, type, typeId, wrapperId, wrapperSize: wrapper.size, dataOffset: data.bitOffset / 8 }
}

/** `tcp_congestion_ops___v2` is a flavour of tcp_congestion_ops. */
function essential(name: string): string {
  const at = name.indexOf('___')
  return at > 0 ? name.slice(0, at) : name
}

/** Creates a struct_ops map: its value is the kernel's own struct, not the object's. */
export function createStructOpsMap(
  kernel: Kernel,
  spec: ObjectSpec,
  map: MapSpec,
  vmlinux: Btf | undefined,
  btfFd: Fd | undefined,
): Fd {
  const { wrapperId, wrapperSize } = kernelOps(spec, map, vmlinux)
  return kernel.call('map_create', {
    mapType: map.typeId,
    keySize: 4,
    valueSize: wrapperSize,
    maxEntries: 1,
    mapFlags: map.flags,
    mapName: kernelName(map.name),
    btfVmlinuxValueTypeId: wrapperId,
    ...(btfFd === undefined ? {} : { btfFd }),
  })
}

/** A struct_ops program is loaded for one member of the kernel's struct: BTF id of the struct, index of the member. */
export function structOpsTarget(
  spec: ObjectSpec,
  program: ProgramSpec,
  vmlinux: Btf | undefined,
): Pick<ProgLoadRequest, 'attachBtfId' | 'expectedAttachType'> {
  if (program.type !== 'struct_ops' || vmlinux === undefined) return {}
  for (const map of spec.maps) {
    const use = map.structOps?.functions.find((one) => one.program === program.name)
    if (use === undefined) continue
    const ops = kernelOps(spec, map, vmlinux)
    const index = ops.type.members.findIndex((member) => member.name === use.member)
    if (index >= 0) return { attachBtfId: ops.typeId, expectedAttachType: index }
    throw new ObjectError(`struct_ops init_kern: struct ${ops.type.name} has no member ${use.member} in this kernel`, {
      file: spec.file,
      section: map.section,
      symbol: map.name,
    })
  }
  return {}
}

/** The value to register: members by name from the object's struct to the kernel's, functions as program descriptors. */
export function structOpsValue(
  spec: ObjectSpec,
  map: MapSpec,
  vmlinux: Btf | undefined,
  progFd: (name: string) => Fd | undefined,
): Uint8Array {
  const ops = kernelOps(spec, map, vmlinux)
  const local = objectBtf(spec)
  const type = local === undefined ? undefined : resolve(local, map.structOps?.typeId ?? 0)
  const value = new Uint8Array(ops.wrapperSize)
  if (local === undefined || type?.kind !== 'struct') return value
  const view = new DataView(value.buffer)
  const contents = map.contents ?? new Uint8Array(map.valueSize)
  const functions = new Map(map.structOps?.functions.map((one) => [one.member, one.program]))
  for (const member of type.members) {
    const fail = (reason: string): never => {
      throw new ObjectError(`struct_ops init_kern: member ${member.name} of ${map.name} ${reason}`, {
        file: spec.file,
        section: map.section,
        symbol: map.name,
      })
    }
    const start = member.bitOffset >>> 3
    const size = member.bitSize === 0 ? sizeOf(local, member.type) : 0
    const bytes = contents.subarray(start, start + size)
    const program = functions.get(member.name)
    const there = ops.type.members.find((one) => one.name === member.name)
    if (there === undefined) {
      if (program !== undefined || bytes.some((byte) => byte !== 0)) fail('is not in the kernel’s struct')
      continue
    }
    if (member.bitSize !== 0 || there.bitSize !== 0) fail('is a bitfield')
    const at = ops.dataOffset + there.bitOffset / 8
    if (program !== undefined) {
      const fd = progFd(program)
      if (fd !== undefined) view.setBigUint64(at, BigInt(fd), true)
    } else if (size !== sizeOf(ops.btf, there.type)) {
      if (bytes.some((byte) => byte !== 0)) fail('has another size in the kernel')
    } else value.set(bytes, at)
  }
  return value
}
