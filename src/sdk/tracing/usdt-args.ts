import { UsageError } from '../../base/index.js'

/** One argument of a static probe: where its value is when the probe is hit. */
export interface UsdtArg {
  /** Bytes. */
  readonly size: number
  readonly signed: boolean
  readonly kind: 'const' | 'reg' | 'mem' | 'scaled'
  /** const: the value; mem, scaled: what is added to the register. */
  readonly value: bigint
  /** reg, mem, scaled: the register's 64-bit name. */
  readonly reg: string | undefined
  /** scaled: the register that is added to it `scale` (1, 2, 4, 8) times. */
  readonly index?: string
  readonly scale?: number
}

/** Where a symbol lies seen from the probe's instruction, bytes; undefined for one that is not there. */
export type SymbolDistance = (name: string) => number | undefined

/** Places of registers in x86-64's struct pt_regs, bytes. */
const X86_REGS: Readonly<Record<string, number>> = {
  r15: 0,
  r14: 8,
  r13: 16,
  r12: 24,
  rbp: 32,
  rbx: 40,
  r11: 48,
  r10: 56,
  r9: 64,
  r8: 72,
  rax: 80,
  rcx: 88,
  rdx: 96,
  rsi: 104,
  rdi: 112,
  rip: 128,
  rsp: 152,
}

/** Place of a register in struct pt_regs; `machine` is ELF's number. Throws UsageError for one it does not have. */
export function regOffset(reg: string, machine: number): number {
  if (machine === EM_AARCH64) {
    if (reg === 'sp') return 31 * 8
    const number = /^x(\d+)$/.exec(reg)?.[1]
    if (number !== undefined && Number(number) < 31) return Number(number) * 8
  } else if (machine === EM_X86_64) {
    const offset = X86_REGS[reg]
    if (offset !== undefined) return offset
  }
  throw new UsageError(`no register '${reg}' on machine ${machine}`)
}

const EM_X86_64 = 62
const EM_AARCH64 = 183

/** `%edi`, `%r8d`, `%al` -> the whole register's name. */
function wholeX86(name: string): string {
  if (/^r\d+[bwd]?$/.test(name)) return name.replace(/[bwd]$/, '')
  const middle = /^[re]?(ax|bx|cx|dx|si|di|bp|sp|ip)$/.exec(name)?.[1]
  if (middle !== undefined) return `r${middle}`
  const low = /^([abcd])[lh]$/.exec(name)?.[1]
  if (low !== undefined) return `r${low}x`
  const narrow = /^(si|di|bp|sp)l$/.exec(name)?.[1]
  return narrow === undefined ? name : `r${narrow}`
}

/**
 * Reads a probe's argument text: `-4@%eax 8@-8(%rbp) 4@$7 8@16(%rdx,%rcx,8) 4@counter+4(%rip)` (x86-64), `8@[sp, 16]` (arm64).
 * Symbols need `distance`. Throws UsageError.
 */
export function parseUsdtArgs(text: string, machine: number, distance?: SymbolDistance): UsdtArg[] {
  // Arguments are parted by blanks; arm64 writes blanks inside brackets too.
  const parts = text.match(/-?\d+@(?:\[[^\]]*\]|\S+)/g) ?? []
  if (parts.join('').replaceAll(' ', '') !== text.replaceAll(' ', '')) {
    throw new UsageError(`cannot read the probe's arguments '${text}'`)
  }
  return parts.map((part) => parseOne(part, machine, distance))
}

function parseOne(part: string, machine: number, distance: SymbolDistance | undefined): UsdtArg {
  const at = part.indexOf('@')
  const width = Number(part.slice(0, at))
  const size = Math.abs(width)
  if (![1, 2, 4, 8].includes(size)) throw new UsageError(`an argument of ${size} bytes in '${part}'`)
  const common = { size, signed: width < 0 }
  const place = part.slice(at + 1)
  const found = machine === EM_AARCH64 ? placeArm(place) : placeX86(place, distance)
  if (found === undefined) throw new UsageError(`cannot read the argument '${part}' on machine ${machine}`)
  for (const reg of [found.reg, found.index]) if (reg !== undefined) regOffset(reg, machine)
  return { ...common, ...found }
}

type Place = Pick<UsdtArg, 'kind' | 'value' | 'reg' | 'index' | 'scale'>

function placeX86(place: string, distance: SymbolDistance | undefined): Place | undefined {
  const constant = /^\$(-?(?:0x)?[0-9a-f]+)$/i.exec(place)?.[1]
  if (constant !== undefined) return { kind: 'const', value: integer(constant), reg: undefined }
  const reg = /^%(\w+)$/.exec(place)?.[1]
  if (reg !== undefined) return { kind: 'reg', value: 0n, reg: wholeX86(reg) }
  const memory = /^(-?(?:0x)?[0-9a-f]*)\(%(\w+)(?:,%(\w+)(?:,([1248]))?)?\)$/i.exec(place)
  if (memory === null) return relativeX86(place, distance)
  const [, offset = '', base = '', index, scale = '1'] = memory
  const common = { value: integer(offset), reg: wholeX86(base) }
  if (index === undefined) return { kind: 'mem', ...common }
  return { kind: 'scaled', ...common, index: wholeX86(index), scale: Number(scale) }
}

/** `counter+8(%rip)`: memory that the program counter, which is the probe's place when it is hit, finds. */
function relativeX86(place: string, distance: SymbolDistance | undefined): Place | undefined {
  const [, symbol, plus = '0'] = /^([A-Za-z_.$][\w.$]*)(?:@\w+)?([+-](?:0x)?[0-9a-f]+)?\(%rip\)$/i.exec(place) ?? []
  if (symbol === undefined || distance === undefined) return undefined
  const far = distance(symbol)
  if (far === undefined) {
    throw new UsageError(`the probe's argument '${place}' names a symbol that the file has not`, 'it may be stripped')
  }
  return { kind: 'mem', value: BigInt(far) + integer(plus.replace(/^\+/, '')), reg: 'rip' }
}

function placeArm(place: string): Place | undefined {
  const constant = /^-?\d+$/.exec(place)?.[0]
  if (constant !== undefined) return { kind: 'const', value: BigInt(constant), reg: undefined }
  const reg = /^[xw](\d+)$/.exec(place)?.[1]
  if (reg !== undefined) return { kind: 'reg', value: 0n, reg: `x${reg}` }
  const memory = /^\[\s*(sp|x\d+)\s*(?:,\s*(-?\d+)\s*)?\]$/.exec(place)
  return memory === null ? undefined : { kind: 'mem', value: BigInt(memory[2] ?? 0), reg: memory[1] }
}

function integer(text: string): bigint {
  if (text === '' || text === '-') return 0n
  return text.startsWith('-') ? -BigInt(text.slice(1)) : BigInt(text)
}

/** `scaled` is known to programs built with libbpf 1.7 or later; others refuse it when they run. */
const ARG_TYPE = { const: 0, reg: 1, mem: 2, scaled: 3 } as const
const MAX_ARGS = 12
/** struct __bpf_usdt_spec of libbpf's usdt.bpf.h: twelve argument records of 16 bytes, a cookie, a count. */
export const USDT_SPEC_SIZE = MAX_ARGS * 16 + 16

/** The record that programs built with usdt.bpf.h read to find the arguments. Throws UsageError beyond twelve. */
export function encodeUsdtSpec(args: readonly UsdtArg[], cookie: bigint, machine: number): Uint8Array {
  if (args.length > MAX_ARGS) throw new UsageError(`the probe has ${args.length} arguments, ${MAX_ARGS} is the limit`)
  const bytes = new Uint8Array(USDT_SPEC_SIZE)
  const view = new DataView(bytes.buffer)
  args.forEach((arg, number) => {
    const at = number * 16
    view.setBigUint64(at, BigInt.asUintN(64, arg.value), true)
    // arg_type:8, idx_reg_off:12, scale_bitshift:4, 8 reserved.
    const index = arg.index === undefined ? 0 : regOffset(arg.index, machine)
    view.setUint32(at + 8, ARG_TYPE[arg.kind] | (index << 8) | (Math.log2(arg.scale ?? 1) << 20), true)
    view.setInt16(at + 12, arg.reg === undefined ? 0 : regOffset(arg.reg, machine), true)
    view.setUint8(at + 14, arg.signed ? 1 : 0)
    view.setUint8(at + 15, 64 - arg.size * 8)
  })
  view.setBigUint64(MAX_ARGS * 16, BigInt.asUintN(64, cookie), true)
  view.setInt16(MAX_ARGS * 16 + 8, args.length, true)
  return bytes
}
