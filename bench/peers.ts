import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository, from build/bench. */
export const root: string = fileURLToPath(new URL('../..', import.meta.url))

/** Builds the programs to compare with, where their compilers are. */
export function buildPeers(): void {
  const { stderr } = spawnSync(join(root, 'scripts/build-peers.sh'), { encoding: 'utf8' })
  if (stderr.trim() !== '') console.error(stderr.trim())
}

/** Nanoseconds by name that a peer prints, all its rounds; undefined where it was not built. */
export function runPeer(name: string, args: readonly string[]): Map<string, number[]> | undefined {
  const path = join(root, 'build/peers', name)
  if (!existsSync(path)) return undefined
  const { stdout, stderr, status } = spawnSync(path, args, { encoding: 'utf8', cwd: root })
  if (status !== 0) {
    console.error(`${name}: ${stderr}`)
    return undefined
  }
  return rounds(stdout)
}

/** The numbers by name in a peer's output, without the first `skip` of each. */
export function rounds(stdout: string, skip = 0): Map<string, number[]> {
  const results = new Map<string, number[]>()
  for (const line of stdout.trim().split('\n')) {
    const [key = '', value] = line.split(' ')
    add(results, key, Number(value))
  }
  for (const values of results.values()) values.splice(0, skip)
  return results
}

export function add(results: Map<string, number[]>, name: string, value: number): void {
  const values = results.get(name)
  if (values === undefined) results.set(name, [value])
  else values.push(value)
}

export function merge(into: Map<string, number[]>, from: Map<string, number[]> | undefined): void {
  for (const [name, values] of from ?? []) for (const value of values) add(into, name, value)
}

export function quantile(values: readonly number[] | undefined, q: number): number {
  if (values === undefined || values.length === 0) return Number.NaN
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] as number
}
