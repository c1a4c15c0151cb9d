import { UsageError } from '../../base/index.js'
import { bpf_attach_type, bpf_map_create_flags } from '../../spec/index.js'
import { BpfLink } from '../bpf-link.js'
import type { Collection } from '../collection.js'
import { Handle } from '../handle.js'
import { type Attachment, attachmentOf, takeOff } from './attachment.js'

/**
 * Registers a struct_ops map with the kernel: maps of .struct_ops.link by a link, others until they are unregistered.
 * Throws KernelError (EEXIST: one of that name is registered; EINVAL: a required member is missing), UsageError.
 */
export function attachStructOps(collection: Collection, name: string): Attachment {
  const { kernel } = collection
  const map = collection.map(name)
  const value = collection.structOps.get(name)
  if (value === undefined) throw new UsageError(`map '${name}' is a ${map.typeName}, not struct_ops`)
  const key = new Uint8Array(4)
  if ((map.flags & bpf_map_create_flags.BPF_F_LINK) !== 0) {
    map.setBytes(key, value)
    const fd = kernel.call('link_create', { progFd: map.fd, attachType: bpf_attach_type.BPF_STRUCT_OPS })
    return new BpfLink(new Handle(kernel, fd))
  }
  const held = new Handle(kernel, kernel.call('dup', { fd: map.fd }))
  try {
    map.setBytes(key, value)
  } catch (error) {
    held.close()
    throw error
  }
  return attachmentOf('struct_ops', () => {
    takeOff(() => kernel.call('map_delete_elem', { mapFd: held.fd, key }), 'ENOENT')
    held.close()
  })
}
