import { type LoadedProgram, type Machine, type PacketContext, Redirect } from '../../vm/index.js'

export interface RepeatedRun {
  /** r0 of the last run as u32. */
  readonly retval: number
  /** Mean ns of a run. */
  readonly duration: number
}

/** Runs a program `repeat` times (at least once) on one context, each time with the machine's whole budget. */
export function runRepeated(
  machine: Machine,
  program: LoadedProgram,
  ctx: number,
  repeat: number,
  packet: PacketContext | undefined,
  between?: () => void,
): RepeatedRun {
  const count = Math.max(1, repeat)
  const { budget } = machine
  const before = machine.packet
  machine.packet = packet
  const start = performance.now()
  try {
    const { runner } = program
    if (between === undefined && count > 1 && runner.repeat !== undefined) runner.repeat(ctx, count)
    else {
      for (let run = 0; run < count; run++) {
        machine.budget = budget
        runner.run(ctx)
        between?.()
      }
    }
  } finally {
    machine.packet = before
    machine.budget = budget
  }
  machine.lastRedirect = packet === undefined ? undefined : Object.assign(new Redirect(), packet.redirect)
  const duration = Math.min(0xffff_ffff, Math.round(((performance.now() - start) * 1e6) / count))
  return { retval: machine.r0lo >>> 0, duration }
}
