import { readFileSync } from 'node:fs'
import type { EmbeddedKernel } from '../../embedded/index.js'
import { errorCode, type Fd, type Kernel } from '../../kernel/index.js'
import type { Kind } from './objects.js'

/** What /proc tells of a descriptor beyond bpf(2): memlock, frozen, owner_prog_type. */
export function fdInfo(kernel: Kernel, fd: Fd): ReadonlyMap<string, string> {
  if (kernel.name === 'embedded') return (kernel as EmbeddedKernel).fdInfo(fd)
  try {
    const text = readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')
    return new Map([...text.matchAll(/^(\w+):\s*(.*)$/gm)].map(([, name = '', value = '']) => [name, value]))
  } catch {
    return new Map()
  }
}

/** Mount points of bpffs. */
function bpffsMounts(kernel: Kernel): string[] {
  if (kernel.name !== 'linux') return (kernel as EmbeddedKernel).bpffs.mounts.map(({ path }) => path)
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
  return [...mounts.matchAll(/^\S+ (\S+) bpf /gm)].map(([, path = '']) =>
    path.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))),
  )
}

/** Paths of pinned objects by kind and id (`map 5`). Directories that cannot be read count as empty. */
export function pinnedPaths(kernel: Kernel): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>()
  const visit = (path: string): void => {
    for (const name of quiet(() => kernel.call('readdir', { path })) ?? []) {
      const full = `${path}/${name}`
      if (quiet(() => kernel.call('stat', { path: full }))?.type === 'directory') {
        visit(full)
        continue
      }
      const fd = quiet(() => kernel.call('obj_get', { pathname: full }))
      if (fd === undefined) continue
      const info = kernel.call('obj_get_info_by_fd', { fd })
      kernel.call('close', { fd })
      const key = `${info.kind} ${info.id}`
      found.set(key, [...(found.get(key) ?? []), full])
    }
  }
  for (const mount of bpffsMounts(kernel)) visit(mount)
  return found
}

/** Pinned paths of one object. */
export function pathsOf(paths: ReadonlyMap<string, readonly string[]>, kind: Kind, id: number): readonly string[] {
  return paths.get(`${kind} ${id}`) ?? []
}

/** `pinned`, where paths were asked for and the object has one. */
export function pinnedField(
  paths: ReadonlyMap<string, readonly string[]> | undefined,
  kind: Kind,
  id: number,
): { readonly pinned?: readonly string[] } {
  const pinned = paths === undefined ? [] : pathsOf(paths, kind, id)
  return pinned.length === 0 ? {} : { pinned }
}

function quiet<T>(run: () => T): T | undefined {
  try {
    return run()
  } catch (error) {
    if (errorCode(error) === undefined) throw error
    return undefined
  }
}

/** Wall clock of a moment given in ns since boot. */
export function wallTime(kernel: Kernel, sinceBoot: bigint): Date {
  if (kernel.name === 'embedded') {
    const now = (kernel as EmbeddedKernel).machine.clock.boottime()
    return new Date(Date.now() - Number((now - sinceBoot) / 1_000_000n))
  }
  const uptime = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1000
  return new Date(Date.now() - uptime + Number(sinceBoot / 1_000_000n))
}

/** 2026-11-21T13:29:59+0000, in local time. */
export function formatTime(date: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0')
  const zone = -date.getTimezoneOffset()
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
  return `${day}T${time}${zone < 0 ? '-' : '+'}${two(Math.floor(Math.abs(zone) / 60))}${two(Math.abs(zone) % 60)}`
}

/** Descriptors do not count against anything here; bytes of memory as /proc tells them. */
export function memlock(info: ReadonlyMap<string, string>): number | undefined {
  const text = info.get('memlock')
  return text === undefined ? undefined : Number(text)
}
