import type { ErrnoName } from '../../base/index.js'
import { type FileStatus, KernelError } from '../../kernel/index.js'
import type { KernelObject } from './objects.js'

interface Directory {
  readonly kind: 'directory'
  readonly entries: Map<string, Node>
  readonly mode: number
}

type Node = Directory | { readonly kind: 'object'; readonly object: KernelObject; readonly mode: number }

const MOUNT = '/sys/fs/bpf'

/** The BPF file system, mounted at /sys/fs/bpf. Paths elsewhere are on no bpffs. */
export class BpfFs {
  readonly #root: Directory = { kind: 'directory', entries: new Map(), mode: 0o1777 }
  readonly #released: (object: KernelObject) => void

  /** `released` is called for an object whose last name here went away. */
  constructor(released: (object: KernelObject) => void) {
    this.#released = released
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
    if (node.kind === 'directory') throw new KernelError('EACCES', 'obj_get', { hint: `${path} is a directory` })
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
    this.#released(node.object)
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

  stat(path: string): FileStatus {
    const node = this.#find(path, 'stat')
    if (node.kind === 'directory') return { type: 'directory', mode: node.mode, uid: 0, gid: 0 }
    const { kind } = node.object
    return { type: kind === 'btf' ? 'file' : kind, mode: node.mode, uid: 0, gid: 0 }
  }

  #steps(path: string, syscall: string): string[] {
    if (path === '') throw new KernelError('ENOENT', syscall, { hint: 'an empty path' })
    const steps: string[] = []
    for (const step of path.split('/')) {
      if (step === '' || step === '.') continue
      if (step === '..') steps.pop()
      else steps.push(step)
    }
    if (!path.startsWith('/') || `/${steps.slice(0, 3).join('/')}` !== MOUNT) {
      throw new KernelError(syscall === 'obj_pin' ? 'EPERM' : 'ENOENT', syscall, {
        hint: `${path} is not below ${MOUNT}, where the BPF file system is mounted`,
      })
    }
    for (const step of steps) {
      if (step.length > 255) throw new KernelError('ENAMETOOLONG', syscall)
    }
    return steps.slice(3)
  }

  #walk(steps: readonly string[], path: string, syscall: string): Node {
    let node: Node = this.#root
    for (const step of steps) {
      const fail = (code: ErrnoName): never => {
        throw new KernelError(code, syscall, { hint: `looking up '${step}' of ${path}` })
      }
      if (node.kind !== 'directory') return fail('ENOTDIR')
      node = node.entries.get(step) ?? fail('ENOENT')
    }
    return node
  }

  #find(path: string, syscall: string): Node {
    return this.#walk(this.#steps(path, syscall), path, syscall)
  }

  #parent(path: string, syscall: string): { parent: Directory; name: string } {
    const steps = this.#steps(path, syscall)
    const name = steps.pop()
    if (name === undefined) throw new KernelError(syscall === 'rmdir' ? 'EBUSY' : 'EEXIST', syscall)
    const parent = this.#walk(steps, path, syscall)
    if (parent.kind !== 'directory') throw new KernelError('ENOTDIR', syscall)
    return { parent, name }
  }
}
