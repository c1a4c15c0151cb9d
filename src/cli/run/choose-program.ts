import { UsageError } from '../../base/index.js'
import type { ObjectSpec, ProgramSpec } from '../../object/index.js'

/** Types that see packets: what `skep run` picks first. */
const PACKET_TYPES: ReadonlySet<string> = new Set([
  'xdp',
  'sched_cls',
  'sched_act',
  'socket_filter',
  'cgroup_skb',
  'lwt_in',
  'lwt_out',
  'lwt_xmit',
  'lwt_seg6local',
  'flow_dissector',
])

export interface Choice {
  readonly program: ProgramSpec
  /** Programs that could have been meant too. */
  readonly others: readonly string[]
}

/**
 * The program to run: the named one, or the first packet program that is no target of a tail call. Throws UsageError
 * naming those there are.
 */
export function chooseProgram(spec: ObjectSpec, name: string | undefined): Choice {
  const names = spec.programs.map((program) => program.name)
  if (name !== undefined) {
    const program = spec.programs.find((candidate) => candidate.name === name)
    if (program === undefined) {
      throw new UsageError(
        `${spec.file ?? spec.name} has no program '${name}'`,
        names.length > 0 ? `it has ${names.join(', ')}` : undefined,
      )
    }
    return { program, others: [] }
  }
  const targets = new Set(
    spec.maps.flatMap((map) => map.initial.filter((entry) => entry.kind === 'program').map((entry) => entry.name)),
  )
  const entries = spec.programs.filter((program) => !targets.has(program.name) && program.type !== 'unspec')
  // Programs of devmap and cpumap entries run behind another program, never alone.
  const packet = entries.filter(
    ({ type, attachType }) => PACKET_TYPES.has(type) && attachType !== 'xdp_devmap' && attachType !== 'xdp_cpumap',
  )
  const program = packet[0] ?? entries[0] ?? spec.programs[0]
  if (program === undefined) throw new UsageError(`${spec.file ?? spec.name} has no programs`)
  return { program, others: entries.filter((other) => other !== program).map((other) => other.name) }
}

export function isPacketProgram(program: ProgramSpec): boolean {
  return PACKET_TYPES.has(program.type)
}
