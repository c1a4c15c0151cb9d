import { UsageError } from '../base/index.js'
import { type ObjectSpec, openObject } from '../object/index.js'
import { type Collection, type CollectionOptions, loadCollection } from './collection.js'

interface NodeProcess {
  getBuiltinModule?(name: string): { readFileSync(path: string): Uint8Array } | undefined
}

/**
 * Loads an object file into a kernel: `await load('prog.o', { kernel: linux() })`. The source is a path (in Node), the
 * file's bytes, or a spec from `openObject` that may have been changed. Throws what `loadCollection` throws.
 */
export async function load(source: string | Uint8Array | ObjectSpec, options: CollectionOptions): Promise<Collection> {
  if (typeof source === 'string') return loadCollection(openObject(readFile(source), { file: source }), options)
  if (source instanceof Uint8Array) return loadCollection(openObject(source), options)
  return loadCollection(source, options)
}

/** Files are read through Node when it is there; a browser gives bytes. */
function readFile(path: string): Uint8Array {
  const host = (globalThis as { process?: NodeProcess }).process
  const fs = host?.getBuiltinModule?.('node:fs')
  if (fs === undefined) throw new UsageError(`cannot read '${path}' here`, 'give the bytes of the file')
  return new Uint8Array(fs.readFileSync(path))
}
