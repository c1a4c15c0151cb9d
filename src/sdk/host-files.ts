import { UsageError } from '../base/index.js'

interface Fs {
  readFileSync(path: string): Uint8Array
  existsSync(path: string): boolean
}

interface NodeProcess {
  getBuiltinModule?(name: string): Fs | undefined
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly arch?: string
}

/** Node where it is there; undefined in browsers. */
export function hostProcess(): NodeProcess | undefined {
  return (globalThis as { process?: NodeProcess }).process
}

/** Reads a file of the machine we run on. Throws UsageError where there are none. */
export function readHostFile(path: string): Uint8Array {
  const fs = hostProcess()?.getBuiltinModule?.('node:fs')
  if (fs === undefined) throw new UsageError(`cannot read '${path}' here`, 'give the bytes of the file')
  return new Uint8Array(fs.readFileSync(path))
}

export function hostFileExists(path: string): boolean {
  return hostProcess()?.getBuiltinModule?.('node:fs')?.existsSync(path) ?? false
}
