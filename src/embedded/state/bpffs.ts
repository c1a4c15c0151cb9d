import type { ErrnoName } from '../../base/index.js'
import { type FileStatus, KernelError } from '../../kernel/index.js'
import type { KernelObject } from './objects.js'

interface Directory {
  readonly kind: 'directory'
  readonly entries: Map<string, Node>
  readonly mode: number
}

interface Link {
  readonly kind: 'symlink'
  readonly target: string
  readonly mode: number
}

type Node = Directory | Link | { readonly kind: 'object'; readonly object: KernelObject; readonly mode: number }

const MOUNT = '/sys/fs/bpf'
/** Symbolic links that one path may lead through. */
const MAX_LINKS = 40

/** A place where a BPF file system, or a part of one, can be seen. */
export interface BpfMount {
  readonly path: string
  /** The directory that was bound there; undefined for a file system of its own. */
  readonly source: string | undefined
}

interface Mounted extends BpfMount {
  readonly root: Directory
}

/** One name of a BPF file system, for those who keep it. */
export type BpfFsEntry =
  | { readonly path: string; readonly kind: 'directory'; readonly mode: number }
  | { readonly path: string; readonly kind: 'symlink'; readonly target: string }
  | { readonly path: string; readonly kind: 'object'; readonly object: KernelObject }

function directory(mode: number): Directory {
  return { kind: 'directory', entries: new Map(), mode }
}

/** The BPF file systems: one is mounted at /sys/fs/bpf from the beginning. Paths elsewhere are on none. */
export class BpfFs {
  /** The last one counts where several are at the same place, as with mount(8). */
  readonly #mounts: Mounted[] = [{ path: MOUNT, source: undefined, root: directory(0o1777) }]
  readonly #released: (object: KernelObject) => void

  /** `released` is called for an object whose last name here went away. */
  constructor(released: (object: KernelObject) => void) {
    this.#released = released
  }

  get mounts(): readonly BpfMount[] {
    return this.#mounts.map(({ path, source }) => ({ path, source }))
  }

  /** Mounts a new, empty file system, or (`source`) shows a directory of one that is there at another place too. */
  mount(path: string, source?: string): void {
    const at = normalPath(path, 'mount')
    let root = directory(0o1777)
    if (source !== undefined) {
      const node = this.#find(source, 'mount')
      if (node.kind !== 'directory') throw new KernelError('ENOTDIR', 'mount')
      root = node
    }
    this.#mounts.push({ path: at, source, root })
  }

  /** Takes the last mount at a path away; what is pinned in a file system that is seen nowhere any more is released. EINVAL: none is there. */
  unmount(path: string): void {
    const at = normalPath(path, 'umount')
    const index = this.#mounts.findLastIndex((mount) => mount.path === at)
    const [gone] = index < 0 ? [] : this.#mounts.splice(index, 1)
    if (gone === undefined) throw new KernelError('EINVAL', 'umount', { hint: `${at} is no mount point` })
    if (this.#mounts.some((mount) => holds(mount.root, gone.root) || holds(gone.root, mount.root))) return
    this.#release(gone.root)
  }

  #release(node: Node): void {
    if (node.kind === 'object') this.#released(node.object)
    if (node.kind === 'directory') for (const entry of node.entries.values()) this.#release(entry)
  }

  /** Everything in the file systems that were mounted (not bound), parents before what is in them. */
  *entries(): Generator<BpfFsEntry> {
    for (const { path, source, root } of this.#mounts) if (source === undefined) yield* entriesOf(root, path)
  }

  symlink(target: string, path: string): void {
    const { parent, name } = this.#parent(path, 'symlink')
    if (parent.entries.has(name)) throw new KernelError('EEXIST', 'symlink')
    parent.entries.set(name, { kind: 'symlink', target, mode: 0o777 })
  }

  readlink(path: string): string {
    const { parent, name } = this.#parent(path, 'readlink')
    const node = parent.entries.get(name)
    if (node === undefined) throw new KernelError('ENOENT', 'readlink')
    if (node.kind !== 'symlink') throw new KernelError('EINVAL', 'readlink')
    return node.target
  }

  /** Puts an object under a new name. The caller has taken the reference that the name holds. */
  pin(path: string, object: KernelObject): void {
    const { parent, name } = this.#parent(path, 'obj_pin')
    // Linux keeps names with dots for itself.
    if (name.includes('.'))
      throw new KernelError('EPERM', 'obj_pin', { hint: `'${name}' has a dot, which bpffs refuses` })
    if (parent.entries.has(name)) throw new KernelError('EEXIST', 'obj_pin', { hint: `${path} exists` })
    parent.entries.set(name, { kind: 'object', object, mode: 0o600 })
  }

  get(path: string): KernelObject {
    const node = this.#find(path, 'obj_get')
    if (node.kind !== 'object') throw new KernelError('EACCES', 'obj_get', { hint: `${path} is a directory` })
    return node.object
  }

  mkdir(path: string, mode = 0o700): void {
    const { parent, name } = this.#parent(path, 'mkdir')
    if (name.includes('.'))
      throw new KernelError('EPERM', 'mkdir', { hint: `'${name}' has a dot, which bpffs refuses` })
    if (parent.entries.has(name)) throw new KernelError('EEXIST', 'mkdir')
    parent.entries.set(name, { kind: 'directory', entries: new Map(), mode })
  }

  rmdir(path: string): void {
    const { parent, name } = this.#parent(path, 'rmdir')
    const node = parent.entries.get(name)
    if (node === undefined) throw new KernelError('ENOENT', 'rmdir')
    if (node.kind !== 'directory') throw new KernelError('ENOTDIR', 'rmdir')
    if (node.entries.size > 0) throw new KernelError('ENOTEMPTY', 'rmdir')
    parent.entries.delete(name)
  }

  unlink(path: string): void {
    const { parent, name } = this.#parent(path, 'unlink')
    const node = parent.entries.get(name)
    if (node === undefined) throw new KernelError('ENOENT', 'unlink')
    if (node.kind === 'directory') throw new KernelError('EISDIR', 'unlink')
    parent.entries.delete(name)
    if (node.kind === 'object') this.#released(node.object)
  }

  rename(from: string, to: string): void {
    const source = this.#parent(from, 'rename')
    const target = this.#parent(to, 'rename')
    const node = source.parent.entries.get(source.name)
    if (node === undefined) throw new KernelError('ENOENT', 'rename')
    const replaced = target.parent.entries.get(target.name)
    if (replaced === node) return
    if (replaced !== undefined) {
      if (replaced.kind === 'directory') {
        if (node.kind !== 'directory') throw new KernelError('EISDIR', 'rename')
        if (replaced.entries.size > 0) throw new KernelError('ENOTEMPTY', 'rename')
      } else if (node.kind === 'directory') throw new KernelError('ENOTDIR', 'rename')
    }
    if (node.kind === 'directory' && (to + '/').startsWith(from.replace(/\/+$/, '') + '/')) {
      throw new KernelError('EINVAL', 'rename', { hint: 'a directory cannot move into itself' })
    }
    source.parent.entries.delete(source.name)
    target.parent.entries.set(target.name, node)
    if (replaced !== undefined && replaced.kind === 'object') this.#released(replaced.object)
  }

  readdir(path: string): string[] {
    const node = this.#find(path, 'readdir')
    if (node.kind !== 'directory') throw new KernelError('ENOTDIR', 'readdir')
    return [...node.entries.keys()].sort()
  }

  /** As lstat(2): a link itself, not what it leads to. */
  stat(path: string): FileStatus {
    const { steps } = this.#locate(path, 'stat')
    const node = steps.length === 0 ? this.#find(path, 'stat') : this.#last(path, 'stat')
    if (node.kind === 'directory') return { type: 'directory', mode: node.mode, uid: 0, gid: 0 }
    if (node.kind === 'symlink') return { type: 'symlink', mode: node.mode, uid: 0, gid: 0 }
    const { kind } = node.object
    return { type: kind === 'btf' ? 'file' : kind, mode: node.mode, uid: 0, gid: 0 }
  }

  #last(path: string, syscall: string): Node {
    const { parent, name } = this.#parent(path, syscall)
    const node = parent.entries.get(name)
    if (node === undefined) throw new KernelError('ENOENT', syscall, { hint: `looking up '${name}' of ${path}` })
    return node
  }

  /** The file system of a path, and the names below it. */
  #locate(path: string, syscall: string): { mount: Mounted; steps: string[] } {
    const normal = normalPath(path, syscall)
    // The nearest mount point above, and of several there the last.
    let mount: Mounted | undefined
    for (const each of this.#mounts) {
      const above = normal === each.path || normal.startsWith(`${each.path}/`)
      if (above && each.path.length >= (mount?.path.length ?? 0)) mount = each
    }
    if (!path.startsWith('/') || mount === undefined) {
      throw new KernelError(syscall === 'obj_pin' ? 'EPERM' : 'ENOENT', syscall, {
        hint: `${path} is not below ${MOUNT}, where the BPF file system is mounted`,
      })
    }
    const steps = normal.slice(mount.path.length).split('/').slice(1)
    for (const step of steps) if (step.length > 255) throw new KernelError('ENAMETOOLONG', syscall)
    return { mount, steps }
  }

  /** The directory or object of a path; links are followed. */
  #find(path: string, syscall: string, links = 0): Node {
    const { mount, steps } = this.#locate(path, syscall)
    let node: Node = mount.root
    for (const [index, step] of steps.entries()) {
      const fail = (code: ErrnoName): never => {
        throw new KernelError(code, syscall, { hint: `looking up '${step}' of ${path}` })
      }
      if (node.kind !== 'directory') return fail('ENOTDIR')
      node = node.entries.get(step) ?? fail('ENOENT')
      if (node.kind !== 'symlink') continue
      if (links >= MAX_LINKS) return fail('ELOOP')
      const folder = [mount.path, ...steps.slice(0, index)].join('/')
      const target = node.target.startsWith('/') ? node.target : `${folder}/${node.target}`
      return this.#find([target, ...steps.slice(index + 1)].join('/'), syscall, links + 1)
    }
    return node
  }

  #parent(path: string, syscall: string): { parent: Directory; name: string } {
    const { mount, steps } = this.#locate(path, syscall)
    const name = steps.at(-1)
    if (name === undefined) throw new KernelError(syscall === 'rmdir' ? 'EBUSY' : 'EEXIST', syscall)
    const parent = this.#find([mount.path, ...steps.slice(0, -1)].join('/'), syscall)
    if (parent.kind !== 'directory') throw new KernelError('ENOTDIR', syscall)
    return { parent, name }
  }
}

/** A path without `.`, `..`, and doubled slashes. */
function normalPath(path: string, syscall: string): string {
  if (path === '') throw new KernelError('ENOENT', syscall, { hint: 'an empty path' })
  const steps: string[] = []
  for (const step of path.split('/')) {
    if (step === '' || step === '.') continue
    if (step === '..') steps.pop()
    else steps.push(step)
  }
  return `/${steps.join('/')}`
}

/** Is `inner` the same directory, or somewhere below? */
function holds(outer: Node, inner: Directory): boolean {
  if (outer === inner) return true
  return outer.kind === 'directory' && [...outer.entries.values()].some((entry) => holds(entry, inner))
}

function* entriesOf(folder: Directory, path: string): Generator<BpfFsEntry> {
  for (const [name, node] of folder.entries) {
    const full = `${path}/${name}`
    if (node.kind === 'directory') {
      yield { path: full, kind: 'directory', mode: node.mode }
      yield* entriesOf(node, full)
    } else if (node.kind === 'symlink') yield { path: full, kind: 'symlink', target: node.target }
    else yield { path: full, kind: 'object', object: node.object }
  }
}
