import { readFileSync } from 'node:fs'
import { toHex } from '#src/base/index.js'
import { type Btf, parseBtf } from '#src/btf/index.js'
import { embedded } from '#src/embedded/index.js'
import { type Kernel, KernelError, type TestRunRequest } from '#src/kernel/index.js'
import { openObject } from '#src/object/index.js'
import { type BpfProgram, Collection, loadCollection } from '#src/sdk/index.js'

/** One object loaded on both kernels. */
export interface Pair {
  readonly embedded: Collection
  readonly linux: Collection
  [Symbol.dispose](): void
}

export interface LoadFailure {
  /** Errors as text, 'loaded' where there was none. */
  readonly embedded: string
  readonly linux: string
}

let targetBtf: Btf | undefined
let kconfig: string | undefined

/** The named program of an object, with everything it needs, on both kernels; or how loading it failed. */
export function loadPair(path: string, program: string, linux: Kernel): Pair | LoadFailure {
  const bytes = linux.vmlinuxBtf()
  targetBtf ??= bytes === undefined ? undefined : parseBtf(bytes)
  kconfig ??= linux.config()
  const kernel = embedded({ cpus: linux.possibleCpus })
  const ours = tryLoad(path, program, kernel)
  const theirs = tryLoad(path, program, linux)
  if (ours instanceof Collection && theirs instanceof Collection) {
    return {
      embedded: ours,
      linux: theirs,
      [Symbol.dispose]() {
        ours.close()
        theirs.close()
        kernel[Symbol.dispose]()
      },
    }
  }
  const text = (result: Collection | Error): string => {
    if (!(result instanceof Collection)) return result.message
    result.close()
    return 'loaded'
  }
  const failure = { embedded: text(ours), linux: text(theirs) }
  kernel[Symbol.dispose]()
  return failure
}

function tryLoad(path: string, program: string, kernel: Kernel): Collection | Error {
  const spec = openObject(readFileSync(path), { file: path })
  // Pins are a matter of other tests: here two kernels would need two file systems.
  for (const map of spec.maps) map.pinning = 'none'
  try {
    // CO-RE and .kconfig are decided by the same kernel for both: what is compared here is how programs run.
    return loadCollection(spec, {
      kernel,
      programs: [program],
      ...(targetBtf === undefined ? {} : { targetBtf }),
      ...(kconfig === undefined ? {} : { kconfig }),
    })
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) throw error
    return error as Error
  }
}

/** A test run as text: result, packet and context, or the errno. */
export interface Outcome {
  readonly retval: string
  readonly data: string
  readonly ctx: string
}

export function runOn(program: BpfProgram, request: Omit<TestRunRequest, 'progFd'>): Outcome {
  try {
    const { retval, dataOut, ctxOut } = program.testRun(request)
    return { retval: String(retval), data: toHex(dataOut), ctx: toHex(ctxOut) }
  } catch (error) {
    if (error instanceof KernelError) return { retval: error.code, data: '', ctx: '' }
    throw error
  }
}

export function isPair(result: Pair | LoadFailure): result is Pair {
  return typeof result.embedded !== 'string'
}
