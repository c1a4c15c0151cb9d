import { toHex } from '../../../base/index.js'
import { errorCode, type Kernel, type ProgInfo } from '../../../kernel/index.js'
import type { Json } from './json.js'

function infoOf(kernel: Kernel, id: number): ProgInfo | undefined {
  try {
    const fd = kernel.call('prog_get_fd_by_id', { id })
    const info = kernel.call('obj_get_info_by_fd', { fd })
    kernel.call('close', { fd })
    return info.kind === 'prog' ? info : undefined
  } catch (error) {
    if (errorCode(error) === undefined) throw error
    return undefined
  }
}

/** `id 7 name entry tag 57cd311f2e27366b jited `, as ip and tc print a program; `details`: when, by whom, and its BTF. */
export function progText(kernel: Kernel, id: number, details: boolean): string {
  const info = infoOf(kernel, id)
  if (info === undefined) return `id ${id} `
  const { name, tag, jitedProgLen, loadTime, createdByUid, btfId } = info
  const words = [`id ${id}`]
  if (name !== '') words.push(`name ${name}`)
  words.push(`tag ${toHex(tag)}`)
  if (jitedProgLen > 0) words.push('jited')
  if (details) {
    words.push(`load_time ${loadTime}`, `created_by_uid ${createdByUid}`)
    if (btfId !== 0) words.push(`btf_id ${btfId}`)
  }
  return `${words.join(' ')} `
}

export function progJson(kernel: Kernel, id: number, details: boolean): Json {
  const info = infoOf(kernel, id)
  if (info === undefined) return { id }
  const { name, tag, jitedProgLen, loadTime, createdByUid, btfId } = info
  return {
    id,
    name: name === '' ? undefined : name,
    tag: toHex(tag),
    jited: jitedProgLen > 0 ? 1 : undefined,
    load_time: details ? loadTime : undefined,
    created_by_uid: details ? createdByUid : undefined,
    btf_id: details && btfId !== 0 ? btfId : undefined,
  }
}
