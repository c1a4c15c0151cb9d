import { BudgetError, ExecutionError, MemoryFault, type PacketContext } from '../../vm/index.js'
import type { ProgObject } from '../state/objects.js'
import type { World } from '../world.js'

/**
 * Runs a program on a packet at its hook: r0. A run that cannot go on gives `failed`, the verdict that does least harm, and
 * says so in the trace: nobody waits for an error here.
 */
export function runProgram(
  world: World,
  object: ProgObject,
  packet: PacketContext | { readonly ctx: number },
  failed: number,
): number {
  const { machine } = world
  const { budget } = machine
  const before = machine.packet
  const counted = world.statsEnabled
  const start = counted ? performance.now() : 0
  machine.packet = 'kind' in packet ? packet : undefined
  try {
    object.program.runner.run(packet.ctx)
  } catch (error) {
    if (!(error instanceof BudgetError || error instanceof MemoryFault || error instanceof ExecutionError)) throw error
    machine.printk(`program ${object.name}: ${error.message}`)
    return failed
  } finally {
    machine.packet = before
    machine.budget = budget
    if (counted) {
      object.runCount++
      object.runTimeNs += BigInt(Math.round((performance.now() - start) * 1e6))
    }
  }
  return machine.r0lo
}
