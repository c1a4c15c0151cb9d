/** What a command line asks of the kernel that stays. `run` is a command as it was typed; the others are about the kernel itself. */
export type DaemonRequest =
  | RunRequest
  | { readonly ask: 'status' }
  | { readonly ask: 'down' }
  | { readonly ask: 'snapshot'; readonly file: string }

export interface RunRequest {
  readonly ask: 'run'
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  readonly terminal: { readonly stdout: boolean; readonly stderr: boolean }
}

/** Variables of the environment that commands look at; the rest is the client's own business. */
export const SENT_VARIABLES = [
  'NO_COLOR',
  'FORCE_COLOR',
  'COLUMNS',
  'TERM',
  'TZ',
  'HOME',
  'SKEP_KERNEL',
  'TC_BPF_MNT',
  'SKEP_NETNS',
  'SKEP_SHELL_BIN',
  'SKEP_BPF_PINNING',
  'PATH',
  'LIBXDP_BPFFS',
  'LIBXDP_SKIP_DISPATCHER',
] as const

/** What `status` answers. */
export interface DaemonStatus {
  readonly pid: number
  /** ISO 8601. */
  readonly since: string
  readonly version: string
  readonly release: string
  readonly folder: string
  readonly cpus: number
  readonly memory_bytes: number
  readonly programs: number
  readonly maps: number
  readonly links: number
  readonly btfs: number
  readonly pins: number
  readonly commands: number
}
