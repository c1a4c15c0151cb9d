// The vocabulary of the helper table: kinds of arguments and results, named after the kernel's ARG_* and RET_*.

/** What an argument is; kernel's ARG_* in lower case. */
export type ArgKind =
  | 'anything'
  | 'const_map_ptr'
  | 'ptr_to_map_key'
  | 'ptr_to_map_value'
  | 'ptr_to_mem'
  | 'const_size'
  | 'const_size_or_zero'
  | 'const_alloc_size_or_zero'
  | 'ptr_to_ctx'
  | 'ptr_to_spin_lock'
  | 'ptr_to_sock_common'
  | 'ptr_to_socket'
  | 'ptr_to_btf_id'
  | 'ptr_to_btf_id_sock_common'
  | 'ptr_to_percpu_btf_id'
  | 'ptr_to_ringbuf_mem'
  | 'ptr_to_func'
  | 'ptr_to_stack'
  | 'ptr_to_const_str'
  | 'ptr_to_timer'
  | 'ptr_to_dynptr'
  | 'kptr_xchg_dest'

/** One argument of a helper, and the marks the kernel puts on its kind. */
export interface HelperArg {
  readonly kind: ArgKind
  /** NULL is allowed (PTR_MAYBE_NULL). */
  readonly maybeNull?: true
  /** The helper only reads the memory (MEM_RDONLY). */
  readonly rdonly?: true
  /** The helper fills the memory: it may be uninitialised (MEM_UNINIT). */
  readonly uninit?: true
  /** The helper writes the memory (MEM_WRITE). */
  readonly write?: true
  /** Takes the reference over (OBJ_RELEASE). */
  readonly release?: true
  /** Bytes of memory of fixed size (MEM_FIXED_SIZE); otherwise the next argument is the size. */
  readonly bytes?: number
  /** Must be aligned to its size (MEM_ALIGNED). */
  readonly aligned?: true
  /** The struct a BTF pointer must point to. */
  readonly btf?: string
  /** The kind of dynptr taken or made. */
  readonly dynptr?: 'local' | 'ringbuf'
}

/** What a helper returns; kernel's RET_* in lower case. */
export type ReturnKind =
  | 'integer'
  | 'void'
  | 'ptr_to_map_value'
  | 'ptr_to_socket'
  | 'ptr_to_tcp_sock'
  | 'ptr_to_sock_common'
  | 'ptr_to_mem'
  | 'ptr_to_mem_or_btf_id'
  | 'ptr_to_btf_id'

export interface HelperReturn {
  readonly kind: ReturnKind
  readonly maybeNull?: true
  readonly rdonly?: true
  /** Memory of a ring buffer record: a reference that must be submitted or discarded (MEM_RINGBUF). */
  readonly ringbuf?: true
  readonly trusted?: true
  readonly btf?: string
}

type AbiArg = 'p' | 'i' | 'l'
type AbiArgs = '' | AbiArg | `${AbiArg}${AbiArg}` | `${AbiArg}${AbiArg}${AbiArg}`
type AbiMoreArgs = `${AbiArg}${AbiArg}${AbiArg}${AbiArg}` | `${AbiArg}${AbiArg}${AbiArg}${AbiArg}${AbiArg}`

/** A call signature: up to five of `p`, `i`, `l`, then `>` and the result. */
export type HelperAbi = `${AbiArgs | AbiMoreArgs}>${AbiResult}`
export type AbiResult = AbiArg | 'u' | 'v'
export type { AbiArg }

/** One helper. */
export interface HelperRow {
  readonly id: number
  /** Linux's name without `bpf_`. */
  readonly name: string
  /** Checked arguments; a C prototype may have more (trace_printk's values are not looked at). */
  readonly args: readonly HelperArg[]
  readonly ret: HelperReturn
  readonly abi: HelperAbi
  /** C prototype. */
  readonly c: string
  /** Only for programs with a GPL-compatible licence. */
  readonly gplOnly?: true
  /** Memory arguments may be packet memory. */
  readonly pktAccess?: true
  /** Only for sleepable programs. */
  readonly mightSleep?: true
  /** Keeps r1-r5 when compiled in (the bpf_fastcall contract). */
  readonly fastcall?: true
  /**
   * Pointers into the packet are void after the call. A tail call has no mark, for it does not come back; but a
   * subprogram with a tail call may have run any of these when it returns to its caller.
   */
  readonly changesPkt?: true
}

/** One parameter of a C prototype. */
export interface HelperParam {
  readonly name: string
  /** C type: `struct bpf_map *`; `...` for variable arguments. */
  readonly type: string
}

/** The parameters of a helper's C prototype. */
export function helperParams(row: HelperRow): readonly HelperParam[] {
  const list = row.c.slice(row.c.indexOf('(') + 1, -1)
  if (list === 'void') return []
  return list.split(', ').map((text) => {
    if (text === '...') return { name: '...', type: '...' }
    const name = /\w+$/.exec(text)?.[0] ?? ''
    return { name, type: text.slice(0, text.length - name.length).trimEnd() }
  })
}

/** A call signature taken apart. */
export function abiParts(abi: HelperAbi): { readonly args: readonly AbiArg[]; readonly result: AbiResult } {
  const [args = '', result] = abi.split('>')
  return { args: [...args] as AbiArg[], result: result as AbiResult }
}

// The arguments and results that occur, by short names for the table's rows.
export const any = { kind: 'anything' } as const
export const map = { kind: 'const_map_ptr' } as const
export const key = { kind: 'ptr_to_map_key' } as const
export const value = { kind: 'ptr_to_map_value' } as const
export const valueOrNull = { kind: 'ptr_to_map_value', maybeNull: true } as const
export const uninitValue = { kind: 'ptr_to_map_value', uninit: true, write: true } as const
export const ctx = { kind: 'ptr_to_ctx' } as const
export const ctxOrNull = { kind: 'ptr_to_ctx', maybeNull: true } as const
export const mem = { kind: 'ptr_to_mem', rdonly: true } as const
export const memOrNull = { kind: 'ptr_to_mem', maybeNull: true, rdonly: true } as const
export const memRw = { kind: 'ptr_to_mem', write: true } as const
export const memRwOrNull = { kind: 'ptr_to_mem', maybeNull: true, write: true } as const
export const uninitMem = { kind: 'ptr_to_mem', uninit: true, write: true } as const
export const uninitU64 = { kind: 'ptr_to_mem', uninit: true, write: true, aligned: true, bytes: 8 } as const
export const u32Rw = { kind: 'ptr_to_mem', write: true, aligned: true, bytes: 4 } as const
export const size = { kind: 'const_size' } as const
export const sizeOrZero = { kind: 'const_size_or_zero' } as const
export const allocSize = { kind: 'const_alloc_size_or_zero' } as const
export const lock = { kind: 'ptr_to_spin_lock' } as const
export const timer = { kind: 'ptr_to_timer' } as const
export const func = { kind: 'ptr_to_func' } as const
export const stackOrNull = { kind: 'ptr_to_stack', maybeNull: true } as const
export const str = { kind: 'ptr_to_const_str' } as const
export const sockCommon = { kind: 'ptr_to_sock_common' } as const
export const socketOrNull = { kind: 'ptr_to_socket', maybeNull: true } as const
export const sock = { kind: 'ptr_to_btf_id_sock_common' } as const
export const sockOrNull = { kind: 'ptr_to_btf_id_sock_common', maybeNull: true } as const
export const sockRelease = { kind: 'ptr_to_btf_id_sock_common', release: true } as const
export const ringbufMem = { kind: 'ptr_to_ringbuf_mem', release: true } as const
export const perCpu = { kind: 'ptr_to_percpu_btf_id' } as const
export const kptrDest = { kind: 'kptr_xchg_dest' } as const
export const kptrOrNull = { kind: 'ptr_to_btf_id', maybeNull: true, release: true } as const
export const dynptr = { kind: 'ptr_to_dynptr', rdonly: true } as const
export const newLocalDynptr = { kind: 'ptr_to_dynptr', uninit: true, write: true, dynptr: 'local' } as const
export const newRingbufDynptr = { kind: 'ptr_to_dynptr', uninit: true, write: true, dynptr: 'ringbuf' } as const
export const ringbufDynptr = { kind: 'ptr_to_dynptr', release: true, dynptr: 'ringbuf' } as const
export const fixedMem = (bytes: number) => ({ kind: 'ptr_to_mem', rdonly: true, bytes }) as const
export const btf = (name: string) => ({ kind: 'ptr_to_btf_id', btf: name }) as const
export const btfOrNull = (name: string) => ({ kind: 'ptr_to_btf_id', maybeNull: true, btf: name }) as const

export const integer = { kind: 'integer' } as const
export const nothing = { kind: 'void' } as const
export const mapValue = { kind: 'ptr_to_map_value' } as const
export const mapValueOrNull = { kind: 'ptr_to_map_value', maybeNull: true } as const
export const memoryOrNull = { kind: 'ptr_to_mem', maybeNull: true } as const
export const ringbufMemoryOrNull = { kind: 'ptr_to_mem', maybeNull: true, ringbuf: true } as const
export const socketResult = { kind: 'ptr_to_socket', maybeNull: true } as const
export const tcpSockResult = { kind: 'ptr_to_tcp_sock', maybeNull: true } as const
export const sockCommonResult = { kind: 'ptr_to_sock_common', maybeNull: true } as const
export const cpuPtr = { kind: 'ptr_to_mem_or_btf_id', rdonly: true } as const
export const cpuPtrOrNull = { kind: 'ptr_to_mem_or_btf_id', maybeNull: true, rdonly: true } as const
export const kptrResult = { kind: 'ptr_to_btf_id', maybeNull: true } as const
export const currentTask = { kind: 'ptr_to_btf_id', trusted: true, btf: 'task_struct' } as const
export const btfResult = (name: string) => ({ kind: 'ptr_to_btf_id', btf: name }) as const
export const btfResultOrNull = (name: string) => ({ kind: 'ptr_to_btf_id', maybeNull: true, btf: name }) as const
