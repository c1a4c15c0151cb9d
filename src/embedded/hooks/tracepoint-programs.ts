import type { ProgObject } from '../state/objects.js'
import type { World } from '../world.js'
import { runProgram } from './run-program.js'
import { fieldNumber, TRACEPOINT_FORMATS } from './tracepoint-formats.js'
import type { TraceEvent } from './tracepoints.js'

/** Common fields of a trace entry: type, flags, preempt count, pid. */
const COMMON = 8

/** Runs a TRACEPOINT program on the entry that an event makes, as tracefs lays it out. */
export function runOnTracepoint(world: World, program: ProgObject, event: TraceEvent, cookie: bigint): void {
  const format = TRACEPOINT_FORMATS[event.name]
  if (format === undefined) return
  const { machine } = world
  const { memory, attachment } = machine
  const ctx = memory.alloc(COMMON + format.fields.length * 4)
  const before = attachment.cookie
  try {
    const { view } = memory
    view.setUint16(ctx, format.id, true)
    view.setInt32(ctx + 4, event.pid, true)
    format.fields.forEach((name, index) => {
      view.setInt32(ctx + COMMON + index * 4, fieldNumber(event.fields[name]) | 0, true)
    })
    attachment.cookie = cookie
    runProgram(world, program, { ctx }, 0)
  } finally {
    attachment.cookie = before
    memory.free(ctx)
  }
}
