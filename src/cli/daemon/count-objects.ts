import type { EmbeddedKernel } from '../../embedded/index.js'
import { everyObject, type Kind } from '../noun/objects.js'
import { pinnedPaths } from '../noun/surroundings.js'

/** How many objects of each kind a kernel has. */
export function countObjects(kernel: EmbeddedKernel) {
  using session = kernel.fork()
  const count = (kind: Kind): number => [...everyObject(session, kind)].length
  const pins = [...pinnedPaths(session).values()].reduce((sum, paths) => sum + paths.length, 0)
  return { programs: count('prog'), maps: count('map'), links: count('link'), btfs: count('btf'), pins }
}
