import { abiParts, type HelperAbi, type HelperName, helperById } from '../spec/index.js'
import { UnsupportedError } from './errors.js'
import { HELPERS_RUN } from './helpers/index.js'
import { KFUNCS_RUN } from './kfuncs/index.js'
import type { Machine } from './machine.js'
import type { HelperFunction, ProgramImage } from './types.js'

/** A function that programs call: how it takes its arguments and what to run. */
export interface Callable {
  /** One of `p`, `i`, `l` for each argument: see HelperFunction. */
  readonly args: string
  /** `p`, `i`, `u`, `l` or `v`. */
  readonly result: string
  readonly run: HelperFunction
}

/** What the calls of a program resolve to when it is prepared. Both throw UnsupportedError. */
export interface CallTable {
  helper(image: ProgramImage, slot: number, id: number): Callable
  kfunc(image: ProgramImage, slot: number, btfId: number): Callable
}

/** A kernel function: its call signature in the notation of the helper table, and what to run. */
export interface Kfunc {
  readonly abi: HelperAbi
  readonly run: HelperFunction
}

/** Results that are not what the table says: bpf_loop's errors differ in width. */
const WIDE_RESULTS: ReadonlySet<HelperName> = new Set(['loop'])

const helpers: Partial<Record<HelperName, HelperFunction>> = HELPERS_RUN
const kfuncs: Readonly<Record<string, Kfunc>> = KFUNCS_RUN

/** Whether programs on this machine may call a helper. */
export function hasHelper(name: HelperName): boolean {
  return helpers[name] !== undefined
}

/** Whether programs on this machine may call a kernel function (`bpf_…`). */
export function hasKfunc(name: string): boolean {
  return Object.hasOwn(kfuncs, name)
}

/** Names of the kernel functions the machine has. */
export function kfuncNames(): string[] {
  return Object.keys(kfuncs)
}

/** All helpers and kfuncs of the machine. */
export function callTable(): CallTable {
  return {
    helper(image, slot, id) {
      const row = helperById(id)
      const place = { program: image.name, pc: slot }
      if (row === undefined) {
        throw new UnsupportedError(place, `helper #${id} is not known`, 'Linux would refuse it: "invalid func unknown"')
      }
      const run = helpers[row.name]
      if (run === undefined) {
        throw new UnsupportedError(place, `helper ${row.name} is not available in the embedded kernel`)
      }
      const abi = abiText(row.abi)
      return { args: abi.args, result: WIDE_RESULTS.has(row.name) ? 'l' : abi.result, run }
    },
    kfunc(image, slot, btfId) {
      const name = image.kfuncs?.get(slot)
      const place = { program: image.name, pc: slot }
      if (name === undefined) throw new UnsupportedError(place, `kernel function with BTF id ${btfId} was not resolved`)
      const kfunc = hasKfunc(name) ? kfuncs[name] : undefined
      if (kfunc === undefined) {
        throw new UnsupportedError(place, `kernel function ${name} is not available in the embedded kernel`)
      }
      return { ...abiText(kfunc.abi), run: kfunc.run }
    },
  }
}

function abiText(abi: HelperAbi): { args: string; result: string } {
  const { args, result } = abiParts(abi)
  return { args: args.join(''), result }
}

/** Calls `run` with the register halves whose indexes are given. */
export function invokeWide(machine: Machine, run: HelperFunction, r: Int32Array, h: readonly number[]): number {
  switch (h.length) {
    case 0:
      return run(machine)
    case 1:
      return run(machine, r[h[0]!]!)
    case 2:
      return run(machine, r[h[0]!]!, r[h[1]!]!)
    case 3:
      return run(machine, r[h[0]!]!, r[h[1]!]!, r[h[2]!]!)
    case 4:
      return run(machine, r[h[0]!]!, r[h[1]!]!, r[h[2]!]!, r[h[3]!]!)
    case 5:
      return run(machine, r[h[0]!]!, r[h[1]!]!, r[h[2]!]!, r[h[3]!]!, r[h[4]!]!)
    case 6:
      return run(machine, r[h[0]!]!, r[h[1]!]!, r[h[2]!]!, r[h[3]!]!, r[h[4]!]!, r[h[5]!]!)
    case 7:
      return run(machine, r[h[0]!]!, r[h[1]!]!, r[h[2]!]!, r[h[3]!]!, r[h[4]!]!, r[h[5]!]!, r[h[6]!]!)
    default:
      return run(machine, ...h.map((half) => r[half]!))
  }
}
