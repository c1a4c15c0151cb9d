import type { Kernel } from '../../kernel/index.js'

/** Which kernel a command works on: the embedded one (a kernel that stays, where one is up), a fresh embedded one, or Linux. */
export type KernelName = 'embedded' | 'fresh' | 'linux'

/**
 * What a command of the command line has around it, whether it runs in the process that was typed at or inside a kernel that stays:
 * its folder, its environment, its terminal, its kernel. Commands use nothing of `process`.
 */
export interface CommandHost {
  /** The folder that relative paths start from. */
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Is the output a terminal? Decides about colours and progress only. */
  readonly terminal: { readonly stdout: boolean; readonly stderr: boolean }
  /** Aborted by Ctrl-C, and when whoever asked has gone. */
  readonly signal: AbortSignal
  /** True for commands inside a kernel that stays: what they load or attach outlives them. */
  readonly stays: boolean
  /** The exit status of a command that ends well. */
  exitStatus: number
  out(data: string | Uint8Array): void
  err(data: string): void
  /** Everything on standard input. */
  stdin(): Promise<Uint8Array>
  /** Resolves when output has gone to whoever reads it, so that a command that prints for ever does not fill the memory. */
  drained(): Promise<void>
  /** Waits for something, while other commands of the same kernel have their turn. */
  wait<T>(promise: Promise<T>): Promise<T>
  /** An absolute path of what the command line calls `path`. */
  resolve(path: string): string
  /**
   * Runs the machine's own command of that name where the user is, for what is no business of a kernel of ours. The result is its exit
   * status, or 0 where the command line finds it out by itself.
   */
  elsewhere(command: string, args: readonly string[]): number
  /** A session of a kernel, for the caller to dispose of. */
  openKernel(name: KernelName): Kernel
}
