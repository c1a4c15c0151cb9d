import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository's root, found from the compiled test's place. */
export const root: string = (() => {
  let dir = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(dir, 'package.json'))) dir = dirname(dir)
  return dir
})()

/** Test data beside the repository (captures, conformance vectors); undefined where it is absent. */
export function sharedData(name: string): string | undefined {
  const path = join(root, '..', 'shared', name)
  return existsSync(path) ? path : undefined
}

export function fixture(name: string): string {
  return join(root, 'test', 'fixtures', name)
}
