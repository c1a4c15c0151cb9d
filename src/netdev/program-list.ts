import type { HookLink, HookProgram } from './program.js'
import { refuse } from './refuse.js'

export interface ListEntry {
  program: HookProgram
  readonly link: HookLink | undefined
}

/** An ordered list of programs at one hook (bpf_mprog): tcx. */
export interface ProgramList {
  readonly entries: ListEntry[]
  revision: bigint
}

export const BPF_F = { REPLACE: 4, BEFORE: 8, AFTER: 16, ID: 32, LINK: 1 << 13 } as const
const MAX = 63

export function emptyList(): ProgramList {
  return { entries: [], revision: 1n }
}

/** The neighbour a request names. */
export interface Relative {
  readonly program?: HookProgram
  readonly link?: HookLink
}

function find(list: ProgramList, relative: Relative): number {
  return list.entries.findIndex(
    ({ program, link }) =>
      (relative.program === undefined || program === relative.program) &&
      (relative.link === undefined || link === relative.link),
  )
}

const named = (relative: Relative): boolean => relative.program !== undefined || relative.link !== undefined

/** Adds or replaces a program in its order (bpf_mprog_attach). The replaced program is returned. Throws KernelError. */
export function attachToList(
  list: ProgramList,
  entry: ListEntry,
  options: {
    readonly flags: number
    readonly relative: Relative
    readonly replace?: HookProgram | undefined
    readonly revision?: bigint | undefined
  },
  syscall: string,
): HookProgram | undefined {
  const { flags, relative, revision } = options
  if (revision !== undefined && revision !== 0n && revision !== list.revision) refuse('ESTALE', syscall)
  if (list.entries.some(({ program }) => program === entry.program)) refuse('EEXIST', syscall)
  let index = -2
  if ((flags & BPF_F.REPLACE) !== 0) {
    index = options.replace === undefined ? -1 : find(list, { program: options.replace })
    if (index < 0) refuse('ENOENT', syscall)
  } else if (list.entries.length >= MAX) refuse('ERANGE', syscall)
  if ((flags & BPF_F.BEFORE) !== 0) {
    const at = named(relative) ? find(list, relative) : 0
    if (at < 0) refuse('ENOENT', syscall)
    if (index >= -1 && index !== at - 1) refuse('EDOM', syscall)
    index = at - 1
  }
  if ((flags & BPF_F.AFTER) !== 0) {
    const at = named(relative) ? find(list, relative) : list.entries.length - 1
    if (at < 0 && named(relative)) refuse('ENOENT', syscall)
    if (index >= -1 && index !== at + 1) refuse('EDOM', syscall)
    index = at + 1
  }
  let position = index
  if (index < -1) {
    if (named(relative) || (flags & (BPF_F.BEFORE | BPF_F.AFTER)) !== 0) refuse('EINVAL', syscall)
    position = list.entries.length
  } else if ((flags & BPF_F.BEFORE) !== 0) position = index + 1
  list.revision++
  if ((flags & BPF_F.REPLACE) !== 0) {
    const old = list.entries[index] as ListEntry
    list.entries[index] = entry
    return old.program
  }
  list.entries.splice(position, 0, entry)
  return undefined
}

/** Takes the entry of a program or link out. Throws KernelError ENOENT. */
export function detachFromList(
  list: ProgramList,
  which: Relative,
  revision: bigint | undefined,
  syscall: string,
): ListEntry {
  if (revision !== undefined && revision !== 0n && revision !== list.revision) refuse('ESTALE', syscall)
  const index = find(list, which)
  if (index < 0) refuse('ENOENT', syscall)
  const [entry] = list.entries.splice(index, 1)
  list.revision++
  return entry as ListEntry
}
