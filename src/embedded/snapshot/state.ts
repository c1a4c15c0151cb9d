import type { Namespace } from '../../netdev/index.js'
import type { MemoryTables } from '../../vm/index.js'
import type { Cgroup } from '../state/cgroups.js'
import type { LinkObject, MapOrigin, ProgOrigin } from '../state/objects.js'

export interface SavedMap {
  readonly id: number
  readonly origin: MapOrigin
  readonly handle: number
  readonly frozen: boolean
  readonly btfId: number
}

export interface SavedProg {
  readonly id: number
  readonly origin: ProgOrigin
  readonly handle: number
  readonly compiled: boolean
  readonly loadTime: bigint
  readonly runCount: bigint
  readonly runTimeNs: bigint
}

/** What a snapshot holds: the memory, and the tables beside it. */
export interface SavedState {
  readonly release: string
  readonly cpus: number
  /** The allocator's tables of a kernel in which nothing has happened: those of another version of Skep differ. */
  readonly empty: MemoryTables
  readonly memory: { readonly image: Uint8Array; readonly tables: MemoryTables }
  /** CLOCK_BOOTTIME and CLOCK_REALTIME, ns. */
  readonly time: bigint
  readonly date: bigint
  readonly sysctls: Readonly<Record<string, number>>
  readonly lastIds: Readonly<Record<'map' | 'prog' | 'btf' | 'link', number>>
  readonly btfs: readonly { readonly id: number; readonly bytes: Uint8Array }[]
  readonly maps: readonly SavedMap[]
  readonly progs: readonly SavedProg[]
  readonly links: readonly LinkObject[]
  readonly mounts: readonly { readonly path: string; readonly source: string | undefined }[]
  readonly pins: readonly SavedPin[]
  readonly cgroups: readonly Cgroup[]
  readonly namespaces: readonly Namespace[]
  readonly namespaceCounters: { readonly inode: number; readonly cookie: bigint }
  readonly netnsNames: ReadonlyMap<string, Namespace>
  readonly log: readonly string[]
}

export type SavedPin =
  | { readonly path: string; readonly kind: 'directory'; readonly mode: number }
  | { readonly path: string; readonly kind: 'symlink'; readonly target: string }
  | { readonly path: string; readonly kind: 'object'; readonly objectKind: string; readonly id: number }
