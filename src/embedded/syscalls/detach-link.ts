import { detachFromList } from '../../netdev/index.js'
import type { Cgroups } from '../state/cgroups.js'
import type { LinkObject } from '../state/objects.js'

/** Takes a link's program off its hook. Once is enough. */
export function detachLink(link: LinkObject, cgroups: Cgroups): void {
  const { place } = link
  if (place === undefined) return
  link.place = undefined
  if (place.kind === 'xdp') place.device.xdp[place.mode] = undefined
  else if (place.kind === 'tracepoint') place.listening[Symbol.dispose]()
  else if (place.kind === 'cgroup')
    cgroups.detach(place.cgroup, place.side, (entry) => entry.link === link, 'link_detach')
  else detachFromList(place.device.tcx[place.direction], { link }, undefined, 'link_detach')
}
