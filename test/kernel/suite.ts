// The shared suites: the same cases on every kernel, through the contract only.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Kernel, KernelError } from '#src/kernel/index.js'
import { DIFFERENCES } from './differences.js'

/** A kernel under test. */
export interface Subject {
  readonly name: 'embedded' | 'linux'
  readonly skip: string | false
  open(): Kernel
  /** A directory in a BPF file system, empty. */
  pinDirectory(kernel: Kernel): string
}

type Body = (kernel: Kernel, subject: Subject) => void | Promise<void>
export type Cases = Readonly<Record<string, Body>>

/** Runs the cases of a suite on a kernel, each in a session of its own. */
export function runSuite(suite: string, cases: Cases, subject: Subject): void {
  for (const [name, body] of Object.entries(cases)) {
    const difference = DIFFERENCES.find((one) => one.case === `${suite}: ${name}` && one.kernel === subject.name)
    const title = `${subject.name}: ${suite}: ${name}`
    if (difference === undefined) {
      test(title, { skip: subject.skip }, async () => {
        using kernel = subject.open()
        await body(kernel, subject)
      })
    } else {
      test(`${title} (differs: ${difference.reason})`, { skip: subject.skip }, async () => {
        await assert.rejects(async () => {
          using kernel = subject.open()
          await body(kernel, subject)
        }, 'this declared difference is gone: take it out of differences.ts')
      })
    }
  }
}

/** For assert.throws: a KernelError with this code. */
export function refused(code: string): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof KernelError, `${code} expected, got ${error}`)
    assert.equal(error.code, code, `${code} expected: ${error.message}`)
    return true
  }
}

export function u32(...values: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer)
}

export function u64(...values: readonly bigint[]): Uint8Array {
  return new Uint8Array(BigUint64Array.from(values).buffer)
}
