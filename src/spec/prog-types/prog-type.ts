// What the table says of a program type.

import type { AttachTypeName } from '../attach-types.js'
import type { HelperName } from '../helpers.js'
import type { ProgTypeName } from '../prog-type-names.js'
import type { structs } from '../uapi.gen.js'

/** Bytes of one access. */
export type AccessSize = 1 | 2 | 4 | 8

/** What a load from a context field gives; a field without it gives a scalar. */
export type ContextFieldKind =
  | 'pkt'
  | 'pkt_end'
  | 'pkt_meta'
  | 'flow_keys'
  | 'tp_buffer'
  | 'sock'
  | 'sock_or_null'
  | 'sock_common_or_null'
  | 'trusted_ptr_nf_hook_state'
  | 'trusted_ptr_sk_buff'

/**
 * Rights on a context field. Accesses are aligned to their size and lie inside the field; in an array of 32-bit words an
 * 8-byte access covers two of them. Absent means refused.
 */
export interface ContextField {
  readonly name: string
  /** Sizes of loads anywhere in the field. */
  readonly read: readonly AccessSize[]
  /** Sizes of loads allowed only at the field's first byte. */
  readonly readStart?: readonly AccessSize[]
  /** Sizes of stores anywhere in the field. */
  readonly write?: readonly AccessSize[]
  /** Sizes of stores allowed only at the field's first byte. */
  readonly writeStart?: readonly AccessSize[]
  readonly kind?: ContextFieldKind
  /** Bytes to which the padding behind the field widens it. */
  readonly bytes?: number
  /** The attach types for which the row holds; absent: all. */
  readonly on?: readonly AttachTypeName[]
}

/** The context (r1 at entry) of a program type. */
export interface ContextLayout {
  /** The struct the program sees; undefined where the hook decides. */
  readonly struct: keyof typeof structs | undefined
  readonly fields: readonly ContextField[]
  /** A context without named fields: any aligned access from `from` (0 if absent) below `size`. */
  readonly bytes?: {
    readonly from?: number
    readonly size: number
    readonly read: readonly AccessSize[]
    readonly write?: true
  }
  /** The first 8 bytes load as a whole, as a pointer to a buffer the program may change. */
  readonly tpBuffer?: true
  /** One 8-byte slot per argument of the hook, typed by the kernel's BTF. */
  readonly typedArgs?: true
}

/** Smallest and largest return value (signed); or any. */
export type ReturnRange = readonly [min: number, max: number] | 'any'

export interface ProgType {
  readonly id: number
  readonly name: ProgTypeName
  /** What it runs on, in one line. */
  readonly summary: string
  readonly context: ContextLayout
  /** Direct access to packet memory through `data`. */
  readonly packet: 'none' | 'read' | 'write'
  readonly returns: ReturnRange
  /** Attach types with another range. */
  readonly returnsOn?: Readonly<Partial<Record<AttachTypeName, ReturnRange>>>
  /** What loading does with expected_attach_type: not looked at, must be one of the type's, must be 0, or has another meaning. */
  readonly expectedAttach: 'ignored' | 'checked' | 'zero' | 'member index'
  /** What an expected_attach_type of 0 means where 0 is not one of the type's own. */
  readonly expectedAttachDefault?: AttachTypeName
  readonly sleepable: 'never' | 'allowed' | 'always'
  /** The attach types that allow it; absent: all. */
  readonly sleepableOn?: readonly AttachTypeName[]
  /** What BPF_PROG_TEST_RUN takes; `none` answers ENOTSUPP. */
  readonly testRun: 'packet' | 'context' | 'tracing' | 'none'
  readonly helpers: readonly HelperName[]
  /** Helpers that more attach types allow. */
  readonly helpersOn?: Readonly<Partial<Record<AttachTypeName, readonly HelperName[]>>>
}
