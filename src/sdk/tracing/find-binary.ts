import { decodeText, UsageError } from '../../base/index.js'
import { hostFileExists, hostProcess, readHostFile } from '../host-files.js'

const LIBRARY_DIRECTORIES: Readonly<Record<string, readonly string[]>> = {
  x64: ['/lib/x86_64-linux-gnu', '/usr/lib/x86_64-linux-gnu'],
  arm64: ['/lib/aarch64-linux-gnu', '/usr/lib/aarch64-linux-gnu'],
}
const COMMON = ['/usr/lib64', '/lib64', '/usr/lib', '/lib', '/usr/local/lib']

/**
 * The file a probe names: a path as it is; a library ('libc', 'libc.so.6') among those a process has loaded, then where
 * libraries are kept; a program along PATH. Throws UsageError saying where it was looked for.
 */
export function findBinary(name: string, pid?: number): string {
  if (name.includes('/')) return name
  const library = /\.so(\.|$)/.test(name) || /^lib/.test(name)
  const loaded = library ? loadedLibrary(name, pid) : undefined
  if (loaded !== undefined) return loaded
  const { env, arch } = hostProcess() ?? {}
  const split = (list: string | undefined): string[] => (list ?? '').split(':').filter((part) => part !== '')
  const directories = library
    ? [...split(env?.LD_LIBRARY_PATH), ...(LIBRARY_DIRECTORIES[arch ?? ''] ?? []), ...COMMON]
    : [...split(env?.PATH), '/usr/local/bin', '/usr/bin', '/bin', '/usr/sbin', '/sbin']
  for (const directory of directories) {
    const path = `${directory}/${name}`
    if (hostFileExists(path)) return path
  }
  throw new UsageError(`'${name}' was not found in ${directories.join(', ')}`, 'give its full path')
}

/** A library that a process (default: our own) has mapped: 'libc.so.6' exactly, 'libc' as libc.so.* or libc-*.so. */
function loadedLibrary(name: string, pid: number | undefined): string | undefined {
  let maps: string
  try {
    maps = decodeText(readHostFile(`/proc/${pid ?? 'self'}/maps`))
  } catch {
    return undefined
  }
  for (const line of maps.split('\n')) {
    const path = /\s(\/.*)$/.exec(line)?.[1]
    const file = path?.slice(path.lastIndexOf('/') + 1)
    if (path === undefined || file === undefined) continue
    if (file === name || file.startsWith(`${name}.so`) || (file.startsWith(`${name}-`) && file.includes('.so'))) {
      return pid === undefined ? path : `/proc/${pid}/root${path}`
    }
  }
  return undefined
}
