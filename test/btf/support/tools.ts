import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

/** Is there a bpftool that runs? */
export const haveBpftool: boolean = spawnSync('bpftool', ['version']).status === 0

/** Reason to skip a test that compares with bpftool, or false. */
export const skipWithoutBpftool: string | false = haveBpftool ? false : 'bpftool is not installed'

/** bpftool's standard output. */
export function bpftool(...args: string[]): string {
  const run = spawnSync('bpftool', args, { encoding: 'utf8', maxBuffer: 1 << 29 })
  if (run.status !== 0) throw new Error(`bpftool ${args.join(' ')}: ${run.stderr || run.stdout}`)
  return run.stdout
}

/** A directory that goes away with the test. */
export function scratch(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'skep-btf-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}
