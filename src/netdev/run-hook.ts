import { toHex } from '../base/index.js'
import type { Device } from './device.js'
import type { Frame } from './frame.js'
import type { Journeys, StepDetails } from './journey.js'
import type { HookProgram } from './program.js'

type Change = { readonly offset: number; readonly before: string; readonly after: string }

/** The runs of bytes that differ; of packets that changed their length also what came or went at their end. */
export function changedBytes(before: Uint8Array, after: Uint8Array): Change[] {
  const shared = Math.min(before.length, after.length)
  const changes: Change[] = []
  for (let at = 0; at < shared; at++) {
    if (before[at] === after[at]) continue
    let end = at + 1
    while (end < shared && before[end] !== after[end]) end++
    changes.push({ offset: at, before: toHex(before.subarray(at, end)), after: toHex(after.subarray(at, end)) })
    at = end
  }
  if (before.length !== after.length) {
    changes.push({ offset: shared, before: toHex(before.subarray(shared)), after: toHex(after.subarray(shared)) })
  }
  return changes
}

/** Runs `run` and tells of it: program, verdict, the bytes it changed. */
export function told(
  journeys: Journeys | undefined,
  device: Device,
  frame: Frame,
  hook: string,
  program: HookProgram | undefined,
  run: () => { readonly verdict: string; readonly program?: HookProgram | undefined; readonly note?: string },
  mode?: string,
): void {
  if (journeys === undefined) {
    run()
    return
  }
  const before = frame.data.slice()
  const { verdict, program: ran = program, note } = run()
  const changes = changedBytes(before, frame.data)
  const details: StepDetails = {
    hook,
    what: 'program',
    verdict,
    ...(ran === undefined ? {} : { program: { id: ran.id, name: ran.name } }),
    ...(mode === undefined ? {} : { mode }),
    ...(note === undefined ? {} : { note }),
    ...(changes.length === 0 ? {} : { changes }),
  }
  journeys.step(device, frame, details)
}
