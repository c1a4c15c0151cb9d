import { toHex } from '../../../base/index.js'
import { progTypeName } from '../../../spec/index.js'
import { everyObject, type Opened, shown } from '../../noun/objects.js'
import { fdInfo, formatTime, memlock, pinnedField, pinnedPaths, wallTime } from '../../noun/surroundings.js'
import type { VerbContext } from '../../noun/verb.js'

/** `prog show [PROG]`, as bpftool prints it. */
export function showProgs(context: VerbContext): void {
  const { kernel } = context
  const one = shown(context, 'prog')
  const paths = context.bpffs ? pinnedPaths(kernel) : undefined
  const described = []
  for (const prog of one ?? everyObject(kernel, 'prog')) described.push(describeProg(context, prog, paths))
  context.answer(one?.length === 1 ? described[0] : described, described.map(formatProgInfo).join('\n'))
}

/** One program with bpftool's keys. */
export function describeProg(
  context: VerbContext,
  { fd, info }: Opened<'prog'>,
  paths?: ReturnType<typeof pinnedPaths>,
) {
  const { kernel } = context
  const bytes = memlock(fdInfo(kernel, fd))
  const counted = info.runTimeNs !== 0n || info.runCnt !== 0n
  return {
    id: info.id,
    type: progTypeName(info.type) ?? `type ${info.type}`,
    ...(info.name === '' ? {} : { name: info.name }),
    tag: toHex(info.tag),
    gpl_compatible: info.gplCompatible,
    ...(counted ? { run_time_ns: info.runTimeNs, run_cnt: info.runCnt } : {}),
    ...(info.recursionMisses === 0n ? {} : { recursion_misses: info.recursionMisses }),
    ...(info.loadTime === 0n
      ? {}
      : { loaded_at: Math.floor(wallTime(kernel, info.loadTime).getTime() / 1000), uid: info.createdByUid }),
    bytes_xlated: info.xlatedProgLen,
    jited: info.jitedProgLen > 0,
    ...(info.jitedProgLen > 0 ? { bytes_jited: info.jitedProgLen } : {}),
    ...(bytes === undefined ? {} : { bytes_memlock: bytes }),
    ...(info.mapIds.length === 0 ? {} : { map_ids: info.mapIds }),
    ...(info.btfId === 0 ? {} : { btf_id: info.btfId }),
    ...pinnedField(paths, 'prog', info.id),
  }
}

type Described = ReturnType<typeof describeProg>

function formatProgInfo(prog: Described): string {
  const run = prog.run_cnt === undefined ? '' : ` run_time_ns ${prog.run_time_ns} run_cnt ${prog.run_cnt}`
  const head = `${prog.id}: ${prog.type}${prog.name === undefined ? '' : `  name ${prog.name}`}  tag ${prog.tag}`
  const lines = [`${head}${prog.gpl_compatible ? '  gpl' : ''}${run}`]
  if (prog.loaded_at !== undefined)
    lines.push(`\tloaded_at ${formatTime(new Date(prog.loaded_at * 1000))}  uid ${prog.uid}`)
  lines.push(
    `\txlated ${prog.bytes_xlated}B  ${prog.bytes_jited === undefined ? 'not jited' : `jited ${prog.bytes_jited}B`}` +
      (prog.bytes_memlock === undefined ? '' : `  memlock ${prog.bytes_memlock}B`) +
      (prog.map_ids === undefined ? '' : `  map_ids ${prog.map_ids.join(',')}`),
  )
  for (const path of prog.pinned ?? []) lines.push(`\tpinned ${path}`)
  if (prog.btf_id !== undefined) lines.push(`\tbtf_id ${prog.btf_id}`)
  return lines.join('\n')
}
