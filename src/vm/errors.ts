import { InvariantError } from '../base/index.js'
import type { Addr } from './types.js'

/** Where in which program something happened. */
export interface ProgramPlace {
  readonly program: string
  /** Instruction slot, as jumps and the verifier's log count. */
  readonly pc: number
}

/** The program was stopped because it used up its instruction budget. */
export class BudgetError extends Error {
  override readonly name = 'BudgetError'
  readonly program: string
  readonly pc: number
  readonly hint: string

  constructor(place: ProgramPlace) {
    super(`program '${place.program}' used up its instruction budget at instruction ${place.pc}`)
    this.program = place.program
    this.pc = place.pc
    this.hint = 'the loop around this instruction may never end; if it is just long, raise the budget'
  }
}

/** The program touched memory that is not there. Linux would have refused to load it. */
export class MemoryFault extends Error {
  override readonly name = 'MemoryFault'
  readonly program: string
  readonly pc: number
  readonly address: bigint
  readonly size: number
  readonly write: boolean
  readonly hint: string

  constructor(place: ProgramPlace, access: { address: bigint; size: number; write: boolean }) {
    const what = access.write ? 'write to' : 'read of'
    super(
      `program '${place.program}', instruction ${place.pc}: bad ${what} ${access.size} bytes at 0x${access.address.toString(16)}`,
    )
    this.program = place.program
    this.pc = place.pc
    this.address = access.address
    this.size = access.size
    this.write = access.write
    this.hint =
      access.address < 65536n
        ? 'a NULL pointer (perhaps the result of a failed look-up) was not checked'
        : 'the address is no pointer that the machine gave to the program'
  }
}

/** The program did something that Linux refuses when it loads a program, and that cannot be carried out. */
export class ExecutionError extends Error {
  override readonly name = 'ExecutionError'
  readonly program: string
  readonly pc: number
  readonly reason: string

  constructor(place: ProgramPlace, reason: string, cause?: unknown) {
    super(`program '${place.program}', instruction ${place.pc}: ${reason}`, cause === undefined ? {} : { cause })
    this.program = place.program
    this.pc = place.pc
    this.reason = reason
  }
}

/** The program needs something that the embedded kernel does not have: found before it runs. */
export class UnsupportedError extends Error {
  override readonly name = 'UnsupportedError'
  readonly program: string
  readonly pc: number
  readonly hint: string | undefined

  constructor(place: ProgramPlace, what: string, hint?: string) {
    super(`program '${place.program}', instruction ${place.pc}: ${what}`)
    this.program = place.program
    this.pc = place.pc
    this.hint = hint
  }
}

/** A helper was to use memory that is not there: engines make a MemoryFault of it, which knows the place. */
export class BadRange extends Error {
  override readonly name = 'BadRange'
  readonly address: bigint
  readonly size: number
  readonly write: boolean

  constructor(address: Addr, size: number, write: boolean) {
    super(`bad range: ${size} bytes at 0x${address.toString(16)}`)
    this.address = BigInt(address)
    this.size = size
    this.write = write
  }
}

/**
 * What a helper's failure is to the program's caller; other errors (the host's own, out of memory) as they are. No
 * verifier has seen such a program: it gave a function senseless arguments, or wrote over the machine's records.
 */
export function callError(error: unknown, place: ProgramPlace): unknown {
  if (error instanceof BadRange) return new MemoryFault(place, error)
  // A map's code was given a key or value that is not there.
  if (error instanceof WebAssembly.RuntimeError) {
    return new MemoryFault(place, { address: 0xffff_ffffn, size: 0, write: false })
  }
  if (error instanceof RangeError || error instanceof TypeError || error instanceof InvariantError) {
    return new ExecutionError(place, `a call failed on its arguments (${error.message})`, error)
  }
  return error
}

/** A program's bpf_throw on its way to the program's exception callback. */
export class BpfException extends Error {
  override readonly name = 'BpfException'
  readonly cookieLo: number
  readonly cookieHi: number

  constructor(cookieLo: number, cookieHi: number) {
    super('bpf_throw')
    this.cookieLo = cookieLo
    this.cookieHi = cookieHi
  }
}

/** The 64-bit address of a base register's halves and a displacement. */
export function wideAddress(lo: number, hi: number, off: number): bigint {
  return BigInt.asUintN(64, (BigInt(hi >>> 0) << 32n) + BigInt(lo >>> 0) + BigInt(off))
}

/** Throws BadRange for a range that is not memory a program may touch. An empty range is good anywhere. */
export function checkRange(memorySize: number, addr: Addr, size: number, write: boolean): void {
  if (size > 0 && !isAccessible(memorySize, addr, size)) throw new BadRange(addr, size, write)
}

export function isAccessible(memorySize: number, addr: Addr, size: number): boolean {
  return addr >= 65536 && addr + size <= memorySize
}
