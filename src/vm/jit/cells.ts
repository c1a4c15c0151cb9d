import type { Machine } from '../machine.js'
import type { Addr } from '../types.js'

/** Bytes of stack of one frame (MAX_BPF_STACK). */
export const FRAME_SIZE = 512
/** Frames one run may have: the main program and seven calls (MAX_CALL_FRAMES). */
export const MAX_FRAMES = 8
/** Frames of all nested runs together: a program, its subprograms, callbacks and theirs. */
const FRAMES = 64

/**
 * The words in memory that compiled code and the host talk through, at fixed addresses of one machine's compiler:
 * what would cost a BigInt or a slow property otherwise.
 */
export interface Cells {
  /** u64: r0 of a run; and the result of helpers that return 64 bits (its high half). */
  readonly result: Addr
  /** i64: instructions a run may still execute. */
  readonly fuel: Addr
  /** u32: tail calls made by the current run. */
  readonly tailCalls: Addr
  /** u32: lowest byte of the frame that the next run gets. */
  readonly frame: Addr
  /** Five u64: arguments of a function that the host calls. */
  readonly args: Addr
  /** Below this address a frame may not begin. */
  readonly stackLimit: Addr
  /** Frame of a run that is not inside another. */
  readonly firstFrame: Addr
}

export function allocCells(machine: Machine): Cells {
  const { memory } = machine
  const at = memory.alloc(128)
  // Twice the size of all frames: what runs below the last frame by a negative offset stays inside.
  const size = FRAMES * FRAME_SIZE
  const stack = memory.alloc(size * 2)
  const firstFrame = stack + size * 2 - FRAME_SIZE
  memory.u32[(at + 28) >>> 2] = firstFrame
  return {
    result: at,
    fuel: at + 16,
    tailCalls: at + 24,
    frame: at + 28,
    args: at + 32,
    stackLimit: stack + size,
    firstFrame,
  }
}
