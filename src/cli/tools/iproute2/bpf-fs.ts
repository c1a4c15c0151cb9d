import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { EmbeddedKernel } from '../../../embedded/index.js'
import { errorCode, type Kernel } from '../../../kernel/index.js'
import type { MapSpec } from '../../../object/index.js'
import type { CommandHost } from '../../host/host.js'

const DEFAULT_MOUNT = '/sys/fs/bpf'
const SCOPES = '/etc/iproute2/bpf_pinning'

/**
 * The mount that iproute2 works in: TC_BPF_MNT, else /sys/fs/bpf if a BPF file system is there, else the first one that is mounted
 * anywhere. Where there is none, one is mounted at /sys/fs/bpf, on the embedded kernel; Linux's mounts are left alone.
 */
export function bpfMount(kernel: Kernel, host: CommandHost): string {
  const mounts = mountsOf(kernel)
  const wanted = host.env.TC_BPF_MNT ?? DEFAULT_MOUNT
  if (mounts.includes(wanted)) return wanted
  if (host.env.TC_BPF_MNT === undefined && mounts[0] !== undefined) return mounts[0]
  if (kernel.name === 'embedded') (kernel as EmbeddedKernel).bpffs.mount(wanted)
  else host.err('Continuing without mounted eBPF fs. Too old kernel?\n')
  return wanted
}

function mountsOf(kernel: Kernel): string[] {
  if (kernel.name === 'embedded') return (kernel as EmbeddedKernel).bpffs.mounts.map(({ path }) => path)
  return [...readFileSync('/proc/self/mounts', 'utf8').matchAll(/^\S+ (\S+) bpf /gm)].map(([, path = '']) => path)
}

/** Makes the tree that iproute2's users share: tc/globals, and `xdp` and `ip` as links to tc. What is there already stays as it is. */
export function makeTree(kernel: Kernel, mount: string): void {
  const make = (run: () => void): void => {
    try {
      run()
    } catch (error) {
      if (errorCode(error) === undefined) throw error
    }
  }
  make(() => kernel.call('mkdir', { path: `${mount}/tc`, mode: 0o700 }))
  make(() => kernel.call('mkdir', { path: `${mount}/tc/globals`, mode: 0o700 }))
  make(() => kernel.call('symlink', { target: `${mount}/tc/`, path: `${mount}/xdp` }))
  make(() => kernel.call('symlink', { target: `${mount}/tc/`, path: `${mount}/ip` }))
}

/** Scopes of one's own: numbers and paths below the mount, from the file that iproute2 keeps for them. */
function customScopes(host: CommandHost): ReadonlyMap<number, string> {
  try {
    const text = readFileSync(host.env.SKEP_BPF_PINNING ?? SCOPES, 'utf8')
    return new Map([...text.matchAll(/^\s*(\d+)\s+(\S+)/gm)].map(([, id, path = '']) => [Number(id), path]))
  } catch {
    return new Map()
  }
}

/** Where an object's maps are pinned by iproute2. A scope that nobody defined pins nowhere. */
export function pinPaths(host: CommandHost, mount: string, object: Uint8Array): (map: MapSpec) => string | undefined {
  const scopes = customScopes(host)
  const uid = (): string => createHash('sha1').update(object).digest('hex')
  return ({ pinning, name }) => {
    switch (pinning) {
      case 'none':
        return undefined
      case 'by_name':
      case 'global_ns':
        return `${mount}/tc/globals/${name}`
      case 'object_ns':
        return `${mount}/tc/${uid()}/${name}`
      default: {
        const path = scopes.get(Number(pinning.replace('scope ', '')))
        return path === undefined ? undefined : `${mount}/${path.replace(/^\/+|\/+$/g, '')}/${name}`
      }
    }
  }
}

/** Opens a pin by its path, or `m:PATH`: below tc in the mount iproute2 works in, or directly below the mount. */
export function pinCandidates(kernel: Kernel, host: CommandHost, path: string): readonly string[] {
  if (!path.startsWith('m:') || path.length <= 2) return [host.resolve(path)]
  const mount = bpfMount(kernel, host)
  makeTree(kernel, mount)
  return [`${mount}/tc/${path.slice(2)}`, `${mount}/${path.slice(2)}`]
}
