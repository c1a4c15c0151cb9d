import { readFileSync } from 'node:fs'
import { embedded } from '#src/embedded/index.js'
import type { Kernel } from '#src/kernel/index.js'
import { type Collection, loadCollection, openObject } from '#src/sdk/index.js'
import { openLinux } from '../support/kernels.js'
import { fixture } from '../support/paths.js'

/** Runs `body` on the embedded kernel and on Linux, and gives both results. */
export function onBothKernels<T>(body: (kernel: Kernel) => T): { embedded: T; linux: T } {
  using ours = embedded()
  using theirs = openLinux()
  return { embedded: body(ours), linux: body(theirs) }
}

/** Both results for a fixture of test/fixtures/vm that is loaded into each kernel. */
export function withObject<T>(name: string, body: (object: LoadedObject) => T): { embedded: T; linux: T } {
  const bytes = new Uint8Array(readFileSync(fixture(`vm/${name}.o`)))
  return onBothKernels((kernel) => {
    using collection = loadCollection(openObject(bytes), { kernel })
    return body(new LoadedObject(collection))
  })
}

/** Global variables of a loaded object and its programs. */
export class LoadedObject {
  readonly collection: Collection

  constructor(collection: Collection) {
    this.collection = collection
  }

  get #globals() {
    const name = [...this.collection.maps.keys()].find((key) => key.endsWith('.bss'))
    return this.collection.map<number, Record<string, unknown>>(name as string)
  }

  get globals(): Record<string, unknown> {
    return this.#globals.get(0) as Record<string, unknown>
  }

  set(values: Record<string, unknown>): void {
    this.#globals.set(0, { ...this.globals, ...values })
  }

  /** Runs a SYSCALL program; its result as a signed number. */
  run(program: string, request: Parameters<ReturnType<Collection['program']>['testRun']>[0] = {}): number {
    return this.collection.program(program).testRun(request).retval | 0
  }
}

/** A char array of `size` from text, NULs to its end. */
export function chars(text: string, size: number): number[] {
  return Array.from({ length: size }, (_, index) => text.charCodeAt(index) || 0)
}
