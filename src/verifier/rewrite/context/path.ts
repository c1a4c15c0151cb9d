// Recipe paths read: hops, each with the members it adds up and the bytes it loads.

import type { KernelLayout } from '../kernel-layout.js'

export interface Hop {
  readonly off: number
  readonly size: number
  /** A NULL pointer loaded by the hop before ends the load here. */
  readonly guarded: boolean
}

export interface Path {
  readonly hops: readonly Hop[]
  /** Size as the access asks: exactly, or 4 at least. */
  readonly sized: 'member' | 'own' | 'word'
  readonly mask: number | undefined
  readonly shift: number | undefined
}

const HOP = /^(?<members>.*?)(?: *:(?<size>\d|own|word))?(?: & (?<mask>\d+))?(?: << (?<shift>\d+))?$/

/** Names of the members of a path, each `struct.member`. */
export function membersOf(path: string): string[] {
  return path
    .split(/ ->\?? /)
    .flatMap((hop) => (HOP.exec(hop)?.groups?.['members'] ?? '').split(' + '))
    .filter((member) => member !== '0' && member !== '')
}

export function readPath(path: string, layout: KernelLayout): Path | undefined {
  let sized: Path['sized'] = 'member'
  let mask: number | undefined
  let shift: number | undefined
  const hops: Hop[] = []
  let guarded = false
  for (const part of path.split(/( ->\?? )/)) {
    if (part === ' -> ' || part === ' ->? ') {
      guarded = part === ' ->? '
      continue
    }
    const groups = HOP.exec(part)?.groups ?? {}
    let off = 0
    let size = 8
    for (const member of (groups['members'] ?? '').split(' + ')) {
      if (member === '0') continue
      const found = layout(member)
      if (found === undefined) return undefined
      off += found[0]
      size = found[1]
    }
    const asked = groups['size']
    if (asked === 'own' || asked === 'word') sized = asked
    else if (asked !== undefined) size = Number(asked)
    if (groups['mask'] !== undefined) mask = Number(groups['mask'])
    if (groups['shift'] !== undefined) shift = Number(groups['shift'])
    hops.push({ off, size, guarded })
    guarded = false
  }
  return { hops, sized, mask, shift }
}
