// The function bpf_throw() runs in place of the rest of the program: a declaration tag of the main program names it.

import { declTags } from '../access/special-fields.js'
import { Refusal } from '../refusal.js'
import type { VerifyProgram } from '../types.js'

const TAG = 'exception_callback:'

/** First slot of the program's own exception callback; undefined where the default one does. */
export function exceptionCallbackEntry(prog: VerifyProgram): number | undefined {
  const { btf, funcInfo } = prog
  const main = funcInfo?.[0]
  if (btf === undefined || main === undefined) return undefined
  const tags = declTags(btf).filter(
    ({ name, target, component }) => target === main.typeId && component === -1 && name.startsWith(TAG),
  )
  const [tag] = tags
  if (tag === undefined) return undefined
  if (tags.length > 1) throw new Refusal('multiple exception callback tags for main subprog', 'EEXIST')
  const name = tag.name.slice(TAG.length)
  const id = btf.findByName(name, 'func')
  const func = id === undefined ? undefined : btf.type(id)
  if (func?.kind !== 'func') {
    throw new Refusal(`exception callback '${name}' could not be found in BTF`, 'ENOENT')
  }
  if (func.linkage !== 'global') throw new Refusal(`exception callback '${name}' must have global linkage`, 'EINVAL')
  const entry = funcInfo?.findLast(({ typeId }) => typeId === id)?.insnOff
  if (entry === 0) throw new Refusal('invalid exception callback insn_off in func_info: 0', 'EINVAL')
  if (entry === undefined) throw new Refusal('exception callback type id not found in func_info', 'EINVAL')
  return entry
}
