import { readFileSync } from 'node:fs'
import { toHex } from '#src/base/index.js'
import { type Btf, parseBtf } from '#src/btf/index.js'
import { type Kernel, KernelError, type TestRunRequest } from '#src/kernel/index.js'
import { openObject } from '#src/object/index.js'
import { type BpfProgram, Collection, loadCollection } from '#src/sdk/index.js'
import { fillMaps } from './fill-maps.js'
import { infoOf } from './info.js'
import { mapContents } from './map-contents.js'
import type { NamedPacket } from './packets.js'

/** A test run to make. */
export interface Case {
  readonly name: string
  readonly run: Omit<TestRunRequest, 'progFd'>
}

/** A test run as text: result, packet and context, or the errno. */
export interface Outcome {
  readonly retval: string
  readonly data: string
  readonly ctx: string
}

/** Everything that can be seen of one program on one kernel, from loading to its maps after the last packet. */
export interface Observation {
  /** Why it did not load; undefined where it did, and only then there is anything else. */
  readonly error: string | undefined
  readonly info: ReadonlyMap<string, string>
  readonly fill: readonly string[]
  readonly runs: readonly Outcome[]
  readonly maps: ReadonlyMap<string, readonly string[]>
}

/** What CO-RE and .kconfig are decided by: the same for all kernels, because what is compared is how programs run. */
export interface Target {
  readonly targetBtf: Btf | undefined
  readonly kconfig: string | undefined
}

export function targetOf(kernel: Kernel): Target {
  const bytes = kernel.vmlinuxBtf()
  return { targetBtf: bytes === undefined ? undefined : parseBtf(bytes), kconfig: kernel.config() }
}

/** Loads the named program of an object, fills its maps, runs all cases and reads the maps. */
export function observe(
  path: string,
  name: string,
  kernel: Kernel,
  options: { target: Target; packets: readonly NamedPacket[]; cases: readonly Case[] },
): Observation {
  const loaded = load(path, name, kernel, options.target)
  if (!(loaded instanceof Collection)) {
    return { error: loaded.message, info: new Map(), fill: [], runs: [], maps: new Map() }
  }
  using collection = loaded
  const info = infoOf(collection)
  const fill = fillMaps(collection, options.packets, 0x5eed)
  const program = collection.program(name)
  const runs = options.cases.map(({ run }) => outcomeOf(program, run))
  return { error: undefined, info, fill, runs, maps: mapContents(collection) }
}

function load(path: string, program: string, kernel: Kernel, { targetBtf, kconfig }: Target): Collection | Error {
  const spec = openObject(readFileSync(path), { file: path })
  // Pins are a matter of other tests: here each kernel would need a file system of its own.
  for (const map of spec.maps) map.pinning = 'none'
  try {
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

function outcomeOf(program: BpfProgram, request: Case['run']): Outcome {
  try {
    const { retval, dataOut, ctxOut } = program.testRun(request)
    return { retval: String(retval), data: toHex(dataOut), ctx: toHex(ctxOut) }
  } catch (error) {
    if (error instanceof KernelError) return { retval: error.code, data: '', ctx: '' }
    throw error
  }
}
