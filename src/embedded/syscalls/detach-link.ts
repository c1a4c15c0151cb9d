import { detachFromList } from '../../netdev/index.js'
import type { LinkObject } from '../state/objects.js'

/** Takes a link's program off its hook. Once is enough. */
export function detachLink(link: LinkObject): void {
  const { place } = link
  if (place === undefined) return
  link.place = undefined
  if (place.kind === 'xdp') place.device.xdp[place.mode] = undefined
  else detachFromList(place.device.tcx[place.direction], { link }, undefined, 'link_detach')
}
