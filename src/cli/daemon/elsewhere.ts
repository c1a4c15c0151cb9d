import { spawnSync } from 'node:child_process'
import { delimiter } from 'node:path'

/** Runs the machine's own command of a name: never our own that `skep sh` put first on PATH. Gives its exit status, 127 without one. */
export function runElsewhere(command: string, args: readonly string[]): number {
  const own = process.env.SKEP_SHELL_BIN
  const path = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== own)
  const env = { ...process.env, PATH: path.join(delimiter) }
  const { status, error } = spawnSync(command, [...args], { stdio: 'inherit', env })
  if (error === undefined) return status ?? 1
  process.stderr.write(`skep: ${command}: ${error.message}\n`)
  return 127
}
