import { KernelError } from '../../kernel/index.js'
import { attempt, statusOf } from './command-error.js'
import { type Kind, oneNamed } from './objects.js'
import type { VerbContext } from './verb.js'

/** `pin OBJECT PATH` */
export function pinObject(context: VerbContext, kind: Kind): void {
  const { kernel, words } = context
  words.need(3, statusOf(22))
  const { fd } = oneNamed(context, kind)
  const pathname = words.next('path')
  words.end()
  attempt(`can't pin the object (${pathname})`, () => kernel.call('obj_pin', { bpfFd: fd, pathname }), 'errno')
  context.silent()
}

/** Makes a folder for pins, where there is none yet. */
export function makeFolder({ kernel }: Pick<VerbContext, 'kernel'>, path: string): void {
  try {
    kernel.call('mkdir', { path })
  } catch (error) {
    if (!(error instanceof KernelError) || error.code !== 'EEXIST') throw error
  }
}
