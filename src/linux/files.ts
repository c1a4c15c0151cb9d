import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { ERRNO, type ErrnoName } from '../base/index.js'
import { type FileStatus, KernelError } from '../kernel/index.js'

/** Runs a node:fs call and turns its error into KernelError. */
export function fileCall<T>(syscall: string, run: () => T): T {
  try {
    return run()
  } catch (error) {
    const code = (error as { code?: string }).code
    if (code !== undefined && code in ERRNO)
      throw new KernelError(code as ErrnoName, syscall, { detail: (error as Error).message })
    throw error
  }
}

export const files = {
  mkdir: (r: { path: string; mode?: number }): void =>
    fileCall('mkdir', () => void mkdirSync(r.path, { mode: r.mode ?? 0o700 })),
  rmdir: (r: { path: string }): void => fileCall('rmdir', () => rmdirSync(r.path)),
  unlink: (r: { path: string }): void => fileCall('unlink', () => unlinkSync(r.path)),
  rename: (r: { from: string; to: string }): void => fileCall('rename', () => renameSync(r.from, r.to)),
  symlink: (r: { target: string; path: string }): void => fileCall('symlink', () => symlinkSync(r.target, r.path)),
  readlink: (r: { path: string }): string => fileCall('readlink', () => readlinkSync(r.path)),
  readdir: (r: { path: string }): string[] => fileCall('readdir', () => readdirSync(r.path)),
  stat: (r: { path: string }): FileStatus =>
    fileCall('stat', () => {
      const status = lstatSync(r.path)
      const type = status.isDirectory() ? 'directory' : status.isSymbolicLink() ? 'symlink' : 'file'
      return { type, mode: status.mode & 0o7777, uid: status.uid, gid: status.gid }
    }),
  sysctlRead: (r: { name: string }): string =>
    fileCall('sysctl', () => readFileSync(sysctlPath(r.name), 'utf8').trimEnd()),
  sysctlWrite: (r: { name: string; value: string }): void =>
    fileCall('sysctl', () => writeFileSync(sysctlPath(r.name), r.value)),
}

function sysctlPath(name: string): string {
  if (!/^[\w.-]+$/.test(name)) throw new KernelError('EINVAL', 'sysctl', { hint: `'${name}' is no sysctl name` })
  return `/proc/sys/${name.replaceAll('.', '/')}`
}
