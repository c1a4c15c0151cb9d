import { type Kind, oneNamed } from './objects.js'
import type { VerbContext } from './verb.js'

/** `pin OBJECT PATH` */
export function pinObject(context: VerbContext, kind: Kind): void {
  const { fd } = oneNamed(context, kind)
  const pathname = context.words.next('path')
  context.words.end()
  context.kernel.call('obj_pin', { bpfFd: fd, pathname })
  context.silent()
}
