// Kernel functions (kfuncs) that programs may call. The rows are recorded from a kernel; more kernels, more rows.

import type { AbiArg, AbiResult, HelperParam } from './helper-kinds.js'
import { KERNEL_STRUCTS as STRUCT_ROWS } from './kernel-structs.gen.js'
import { KFUNC_ROWS } from './kfuncs.gen.js'
import type { ProgTypeName } from './prog-type-names.js'

/** The marks a kfunc is registered with; kernel's KF_* in lower case. */
export type KfuncFlag =
  | 'acquire'
  | 'release'
  | 'ret_null'
  | 'trusted_args'
  | 'sleepable'
  | 'destructive'
  | 'rcu'
  | 'iter_new'
  | 'iter_next'
  | 'iter_destroy'
  | 'rcu_protected'
  | 'fastcall'
  | 'arena_ret'
  | 'arena_arg1'
  | 'arena_arg2'

/** One kfunc as recorded. Suffixes of parameter names (`__sz`, `__k`, `__ign`, `__uninit` …) are marks for the verifier. */
export interface KfuncRow {
  readonly name: string
  /** C prototype, from the kernel's BTF. */
  readonly c: string
  /** Call signature in the letters of the helper table: `p`, `i` or `l` for each argument, then `>` and the result. */
  readonly abi: `${string}>${AbiResult}`
  readonly flags: readonly KfuncFlag[]
  /** Program types that may call it, separated by spaces. Hooks the recording kernel does not load (lsm) are missing. */
  readonly progTypes: string
}

export type KfuncName = (typeof KFUNC_ROWS)[number]['name']
export type Kfunc = KfuncRow & { readonly name: KfuncName }

/** All recorded kfuncs, by name in alphabetical order. */
export const KFUNCS: readonly Kfunc[] = KFUNC_ROWS

/** A type that prototypes of kfuncs name. */
export interface KernelStruct {
  readonly name: string
  readonly kind: 'struct' | 'union' | 'enum'
  /** Bytes, on the recording kernel. */
  readonly size: number
  /** Only numbers inside: a program's own memory may stand for it. */
  readonly plain?: true
  /** The type its first bytes are. */
  readonly first?: string
}

/** All structs, unions and enums that the prototypes name, in alphabetical order. */
export const KERNEL_STRUCTS: readonly KernelStruct[] = STRUCT_ROWS

const byName = new Map<string, Kfunc>(KFUNCS.map((row) => [row.name, row]))

/** A kfunc's row by its name; undefined for a name not recorded. */
export function kfuncByName(name: KfuncName): Kfunc
export function kfuncByName(name: string): Kfunc | undefined
export function kfuncByName(name: string): Kfunc | undefined {
  return byName.get(name)
}

/** May programs of this type call it? LSM programs are answered as tracing programs are. */
export function kfuncAllowed(row: KfuncRow, progType: ProgTypeName): boolean {
  const types = row.progTypes.split(' ')
  return types.includes(progType === 'lsm' ? 'tracing' : progType)
}

/** What a kfunc returns, as C writes it. */
export function kfuncReturns(row: KfuncRow): string {
  return row.c.slice(0, row.c.indexOf(row.name)).trimEnd()
}

/** The parameters of a kfunc's C prototype. */
export function kfuncParams(row: KfuncRow): readonly HelperParam[] {
  const list = row.c.slice(row.c.indexOf('(', row.c.indexOf(row.name)) + 1, -1)
  if (list === 'void') return []
  return list.split(', ').map((text) => {
    const name = /\w*$/.exec(text)?.[0] ?? ''
    return { name, type: text.slice(0, text.length - name.length).trimEnd() }
  })
}

/** A kfunc's call signature taken apart. */
export function kfuncAbi(row: KfuncRow): { readonly args: readonly AbiArg[]; readonly result: AbiResult } {
  const [args = '', result] = row.abi.split('>')
  return { args: [...args] as AbiArg[], result: result as AbiResult }
}
