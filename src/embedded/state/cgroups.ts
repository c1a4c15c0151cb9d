import { KernelError } from '../../kernel/index.js'
import type { LinkObject, ProgObject } from './objects.js'

export type CgroupSide = 'ingress' | 'egress'

export interface CgroupEntry {
  program: ProgObject
  readonly link: LinkObject | undefined
}

export interface Cgroup {
  readonly id: bigint
  readonly path: string
  readonly parent: Cgroup | undefined
  readonly ingress: CgroupEntry[]
  readonly egress: CgroupEntry[]
  /** How programs were attached: BPF_F_ALLOW_OVERRIDE 1, BPF_F_ALLOW_MULTI 2, 0 exclusive; undefined: none are. */
  readonly mode: { ingress: number | undefined; egress: number | undefined }
}

const MOUNT = '/sys/fs/cgroup'
const MULTI = 2

function made(id: bigint, path: string, parent: Cgroup | undefined): Cgroup {
  return { id, path, parent, ingress: [], egress: [], mode: { ingress: undefined, egress: undefined } }
}

/** The cgroup v2 hierarchy, mounted at /sys/fs/cgroup, as far as packets need it. */
export class Cgroups {
  readonly #byPath = new Map<string, Cgroup>([[MOUNT, made(1n, MOUNT, undefined)]])
  #last = 1n

  /** All of them: for a snapshot. */
  list(): readonly Cgroup[] {
    return [...this.#byPath.values()]
  }

  /** What a snapshot had. */
  putBack(list: readonly Cgroup[]): void {
    this.#byPath.clear()
    for (const one of list) {
      this.#byPath.set(one.path, one)
      if (one.id > this.#last) this.#last = one.id
      if (one.ingress.length + one.egress.length > 0) this.#any = true
    }
  }

  get root(): Cgroup {
    return this.#byPath.get(MOUNT) as Cgroup
  }

  /** True for paths below the mount point. */
  covers(path: string): boolean {
    return path === MOUNT || path.startsWith(`${MOUNT}/`)
  }

  /** Throws KernelError ENOENT. */
  at(path: string, syscall: string): Cgroup {
    const found = this.#byPath.get(path.replace(/\/+$/, ''))
    if (found === undefined) throw new KernelError('ENOENT', syscall, { detail: path })
    return found
  }

  mkdir(path: string): void {
    const name = path.replace(/\/+$/, '')
    if (this.#byPath.has(name)) throw new KernelError('EEXIST', 'mkdir')
    const parent = this.at(name.slice(0, name.lastIndexOf('/')), 'mkdir')
    this.#byPath.set(name, made(++this.#last, name, parent))
  }

  /** The cgroup that goes, for its programs to be let go. */
  rmdir(path: string): Cgroup {
    const gone = this.at(path, 'rmdir')
    if (gone.parent === undefined || [...this.#byPath.values()].some(({ parent }) => parent === gone))
      throw new KernelError('EBUSY', 'rmdir')
    this.#byPath.delete(gone.path)
    return gone
  }

  readdir(path: string): string[] {
    const of = this.at(path, 'readdir')
    return [...this.#byPath.values()]
      .filter(({ parent }) => parent === of)
      .map((one) => one.path.slice(of.path.length + 1))
  }

  /** Programs for packets of a socket in this cgroup, in the order they run: its own, then those of the ones above. */
  programsOf(id: bigint, side: CgroupSide): readonly ProgObject[] {
    if (!this.#any) return NONE
    let at: Cgroup | undefined = [...this.#byPath.values()].find((one) => one.id === id) ?? this.root
    const programs: ProgObject[] = []
    for (; at !== undefined; at = at.parent) {
      // A program that may be overridden is, by one below it.
      if (programs.length > 0 && at.mode[side] !== MULTI) continue
      for (const { program } of at[side]) programs.push(program)
    }
    return programs
  }

  #any = false

  /** Puts a program at the end of a list (__cgroup_bpf_attach). The one whose place it took. Throws KernelError. */
  attach(
    cgroup: Cgroup,
    side: CgroupSide,
    entry: CgroupEntry,
    flags: number,
    replace: ProgObject | undefined,
    syscall: string,
  ): ProgObject | undefined {
    const mode = flags & 3
    for (let above = cgroup.parent; above !== undefined; above = above.parent) {
      const said = above.mode[side]
      if (said === 0) throw new KernelError('EPERM', syscall)
      if (said === MULTI) break
    }
    const list = cgroup[side]
    if (list.length > 0 && cgroup.mode[side] !== mode) throw new KernelError('EPERM', syscall)
    this.#any = true
    cgroup.mode[side] = mode
    if (mode !== MULTI) {
      const [old] = list.splice(0, 1, entry)
      return old?.program
    }
    if (list.some((one) => one.program === entry.program && entry.link === undefined))
      throw new KernelError('EINVAL', syscall)
    if (replace !== undefined) {
      const at = list.findIndex((one) => one.program === replace)
      if (at < 0) throw new KernelError('ENOENT', syscall)
      const [old] = list.splice(at, 1, entry)
      return old?.program
    }
    list.push(entry)
    return undefined
  }

  /** Takes an entry out. Throws KernelError ENOENT. */
  detach(cgroup: Cgroup, side: CgroupSide, which: (entry: CgroupEntry) => boolean, syscall: string): CgroupEntry {
    const list = cgroup[side]
    const at = list.findIndex(which)
    if (at < 0) throw new KernelError('ENOENT', syscall)
    const [entry] = list.splice(at, 1)
    if (list.length === 0) cgroup.mode[side] = undefined
    return entry as CgroupEntry
  }
}

const NONE: readonly ProgObject[] = []
