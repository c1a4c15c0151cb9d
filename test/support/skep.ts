import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { root } from './paths.js'

export interface CliResult {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs the `skep` command in the repository's root. */
export function skep(...args: readonly string[]): CliResult {
  const run = spawnSync(process.execPath, [join(root, 'dist/cli/main.js'), ...args], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    // No kernel that somebody keeps.
    env: { ...process.env, NO_COLOR: '1', SKEP_DIR: '/nonexistent' },
  })
  return { status: run.status ?? -1, stdout: run.stdout, stderr: run.stderr }
}

/** A command's JSON, of any shape: the assertions that read it are its check. */
// biome-ignore lint/suspicious/noExplicitAny: typing every command's output here would only repeat docs/reference/cli.md
export type Json = any

/** Runs it with --json and parses what it prints. Throws with stderr when it fails. */
export function skepJson(...args: readonly string[]): Json {
  const { status, stdout, stderr } = skep(...args, '--json')
  if (status !== 0) throw new Error(`skep ${args.join(' ')} exited with ${status}: ${stderr}`)
  return JSON.parse(stdout)
}
