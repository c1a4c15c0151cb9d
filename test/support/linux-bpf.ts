// bpf(2) by the layouts of src/spec, field by field, for tests and recorders that hold those against the running kernel.
import { closeSync } from 'node:fs'
import { loadSys, type Sys } from '#src/linux/ffi/sys.js'
import { bpf_attr, bpf_cmd, bpf_prog_type } from '#src/spec/index.js'

type Part = keyof typeof bpf_attr
type FieldValue = number | bigint | Uint8Array | string

// Undefined where koffi or Linux is missing.
const native: Sys | undefined = (() => {
  if (process.arch !== 'x64') return undefined
  try {
    return loadSys()
  } catch {
    return undefined
  }
})()

const SYS_BPF = 321

// A private ArrayBuffer: small typed arrays would live in the moving heap.
function fixed(length: number): Uint8Array {
  return new Uint8Array(new ArrayBuffer(Math.max(length, 1)))
}

function fixedCopy(bytes: Uint8Array): Uint8Array {
  const copy = fixed(bytes.length)
  copy.set(bytes)
  return copy
}

/**
 * One bpf(2) call. Numbers and bigints are stored as they are; strings are stored in `char[]` fields, elsewhere their
 * address with a final NUL; byte arrays are passed by address and written back. Returns the result or a negative errno.
 */
export function bpf(cmd: keyof typeof bpf_cmd, part: Part, fields: Readonly<Record<string, FieldValue>>): number {
  if (native === undefined) throw new Error('no bpf(2) here')
  const layout = bpf_attr[part]
  const attr = fixed(layout.size)
  const view = new DataView(attr.buffer)
  const keep: Uint8Array[] = []
  const back: [Uint8Array, Uint8Array][] = []
  for (const [name, value] of Object.entries(fields)) {
    const field = (layout.fields as Record<string, { offset: number; size: number; class: string }>)[name]
    if (field === undefined) throw new Error(`bpf_attr ${part} has no field ${name}`)
    let plain = value
    if (typeof plain === 'string') {
      const text = new TextEncoder().encode(plain)
      if (field.class === 'array') {
        attr.set(text.subarray(0, field.size - 1), field.offset)
        continue
      }
      const copy = fixed(text.length + 1)
      copy.set(text)
      keep.push(copy)
      plain = native.address(copy)
    } else if (plain instanceof Uint8Array) {
      const copy = fixedCopy(plain)
      keep.push(copy)
      back.push([copy, plain])
      plain = native.address(copy)
    }
    if (field.size === 8) view.setBigUint64(field.offset, BigInt.asUintN(64, BigInt(plain)), true)
    else view.setUint32(field.offset, Number(plain) >>> 0, true)
  }
  const result = native.syscall(SYS_BPF, bpf_cmd[cmd], native.address(attr), attr.length)
  const error = result < 0 ? native.errno() : 0
  for (const [copy, original] of back) original.set(copy.subarray(0, original.length))
  lastAttr = attr
  return keep.length >= 0 && result < 0 ? -error : result
}

let lastAttr: Uint8Array = new Uint8Array(0)

/** A field of the last call's attr, as the kernel left it. */
export function written(part: Part, name: string): bigint {
  const field = (bpf_attr[part].fields as Record<string, { offset: number; size: number }>)[name]
  if (field === undefined) throw new Error(`bpf_attr ${part} has no field ${name}`)
  const view = new DataView(lastAttr.buffer)
  return field.size === 8 ? view.getBigUint64(field.offset, true) : BigInt(view.getUint32(field.offset, true))
}

export function closeFd(fd: number): void {
  if (fd >= 0) closeSync(fd)
}

/** Why tests against the running kernel cannot run; false where bpf(2) works. For `test(name, { skip: noBpf }, …)`. */
export const noBpf: string | false = (() => {
  if (native === undefined) return 'needs Linux on x86-64 with koffi'
  const fd = bpf('BPF_MAP_CREATE', 'map_create', { map_type: 2, key_size: 4, value_size: 4, max_entries: 1 })
  if (fd < 0) return `bpf(2) answers errno ${-fd}`
  closeFd(fd)
  return false
})()

/** Encodes instructions given as [code, dst | src << 4, off, imm]. */
export function insns(
  ...list: readonly (readonly [code: number, regs: number, off: number, imm: number])[]
): Uint8Array {
  const bytes = new Uint8Array(list.length * 8)
  const view = new DataView(bytes.buffer)
  list.forEach(([code, regs, off, imm], index) => {
    view.setUint8(index * 8, code)
    view.setUint8(index * 8 + 1, regs)
    view.setInt16(index * 8 + 2, off, true)
    view.setInt32(index * 8 + 4, imm, true)
  })
  return bytes
}

export interface LoadResult {
  /** A file descriptor to close, or a negative errno. */
  readonly fd: number
  readonly log: string
}

/** Loads a program with the verifier's log; other fields of prog_load may be given in `more`. */
export function progLoad(
  type: keyof typeof bpf_prog_type | number,
  code: Uint8Array,
  more: Readonly<Record<string, FieldValue>> = {},
): LoadResult {
  const log = new Uint8Array(1 << 16)
  const fd = bpf('BPF_PROG_LOAD', 'prog_load', {
    prog_type: typeof type === 'number' ? type : bpf_prog_type[type],
    insns: code,
    insn_cnt: code.length / 8,
    license: 'GPL',
    log_buf: log,
    log_size: log.length,
    log_level: 1,
    ...more,
  })
  return { fd, log: new TextDecoder().decode(log.subarray(0, log.indexOf(0))) }
}
