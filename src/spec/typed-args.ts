// What the kernel knows of typed arguments beyond its BTF: nullness in tracepoints, iterators, security hooks.

import {
  ITERATOR_ARGS,
  LSM_BOOLEAN,
  LSM_DISABLED,
  LSM_SLEEPABLE,
  LSM_UNTRUSTED,
  RAW_TRACEPOINT_ARGS,
  STRUCT_OPS_UNSUPPORTED,
} from './typed-args.gen.js'

/** How a tracepoint's pointer argument is marked: it may be NULL, or an error code in disguise. */
export type TracepointArgMark = 'nullable' | 'error' | undefined

/** The mark of argument `index` (from 0, the first one the program sees) of a tracepoint. */
export function tracepointArg(tracepoint: string, index: number): TracepointArgMark {
  const marks = Object.hasOwn(RAW_TRACEPOINT_ARGS, tracepoint) ? RAW_TRACEPOINT_ARGS[tracepoint] : undefined
  if (marks === undefined) return undefined
  const list = marks.split(' ')
  if (list.includes(`n${index}`)) return 'nullable'
  return list.includes(`e${index}`) ? 'error' : undefined
}

/** Types of the arguments of an iterator's program as the verifier's log names them; undefined where there is no such iterator. */
export function iteratorArgs(target: string): readonly string[] | undefined {
  return Object.hasOwn(ITERATOR_ARGS, target) ? ITERATOR_ARGS[target]?.split(' ') : undefined
}

/** Members of a table of kernel operations that programs may not implement; undefined where programs may not implement it. */
export function structOpsUnsupported(table: string): readonly string[] | undefined {
  const members = Object.hasOwn(STRUCT_OPS_UNSUPPORTED, table) ? STRUCT_OPS_UNSUPPORTED[table] : undefined
  return members === undefined ? undefined : members.split(' ').filter((name) => name !== '')
}

/** What the kernel says of a security hook (`file_open`). */
export interface LsmHook {
  /** Programs may not join it. */
  readonly disabled: boolean
  readonly sleepable: boolean
  /** Answers true or false; other hooks answer 0 or a negative error. */
  readonly boolean: boolean
  /** Its pointers may be relied on. */
  readonly trusted: boolean
}

const set = (names: string): ReadonlySet<string> => new Set(names.split(' '))
const DISABLED = set(LSM_DISABLED)
const SLEEPABLE = set(LSM_SLEEPABLE)
const BOOLEAN = set(LSM_BOOLEAN)
const UNTRUSTED = set(LSM_UNTRUSTED)

export function lsmHook(name: string): LsmHook {
  return {
    disabled: DISABLED.has(name),
    sleepable: SLEEPABLE.has(name),
    boolean: BOOLEAN.has(name),
    trusted: !UNTRUSTED.has(name),
  }
}
