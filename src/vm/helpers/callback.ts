import { ExecutionError } from '../errors.js'
import type { Machine } from '../machine.js'

/**
 * Calls a function pointer of the program with up to five 32-bit arguments (zero-extended). Its result is
 * `machine.r0lo`, `machine.r0hi`. Throws ExecutionError when the pointer is no function.
 */
export function callFunction(machine: Machine, handle: number, a = 0, b = 0, c = 0, d = 0, e = 0): void {
  const target = machine.functionOf(handle)
  if (target === undefined) {
    throw new ExecutionError({ program: machine.image?.name ?? '', pc: 0 }, 'a callback argument is no function')
  }
  // Callbacks nest: each call has its own arguments until the callee has copied them.
  const args = machine.callbackArgs
  args[0] = a
  args[2] = b
  args[4] = c
  args[6] = d
  args[8] = e
  target.program.runner.call(target.slot, args)
}
