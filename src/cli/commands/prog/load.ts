import { readFileSync } from 'node:fs'
import { type BpfProgram, type Collection, loadCollection, openObject } from '../../../sdk/index.js'
import { loadFile, type VerbContext } from '../../noun/verb.js'
import { formatTable } from '../../output/table.js'
import { describeMap } from '../map/show.js'
import { describeProg } from './show.js'

/**
 * `prog load FILE [PATH] [pinmaps DIR]`: loads an object. The first program is pinned at PATH (`loadall`: each below it, by name) and
 * stays; without a path everything goes away again, and what was loaded is shown.
 */
export function loadProgs(context: VerbContext, all: boolean): void {
  const { kernel, words } = context
  const file = words.next('object file')
  const path = words.done || words.peek() === 'pinmaps' ? undefined : words.next('path')
  const mapDirectory = words.take('pinmaps') ? words.next('directory') : undefined
  words.end()
  const stays = path !== undefined || mapDirectory !== undefined
  using collection = stays
    ? loadCollection(openObject(new Uint8Array(readFileSync(file)), { file }), { kernel })
    : loadFile(kernel, file)
  if (path !== undefined) pinPrograms(context, collection, path, all)
  if (mapDirectory !== undefined) {
    mkdir(context, mapDirectory)
    for (const [name, map] of collection.maps) map.pin(`${mapDirectory}/${name.replaceAll('.', '_')}`)
  }
  if (stays) {
    context.silent()
    return
  }
  const programs = [...collection.programs.values()].map((program) => describeLoaded(context, program))
  const maps = [...collection.maps.values()].map((map) => describeMap(context, { fd: map.fd, info: map.info() }))
  context.answer({ programs, maps }, formatLoaded(programs, maps))
}

function describeLoaded(context: VerbContext, program: BpfProgram) {
  const info = program.info()
  return { ...describeProg(context, { fd: program.fd, info }), name: program.name, verified_insns: info.verifiedInsns }
}

function pinPrograms(context: VerbContext, collection: Collection, path: string, all: boolean): void {
  const [first] = collection.programs.values()
  if (!all) {
    first?.pin(path)
    return
  }
  mkdir(context, path)
  for (const [name, program] of collection.programs) program.pin(`${path}/${name}`)
}

function mkdir({ kernel }: VerbContext, path: string): void {
  try {
    kernel.call('stat', { path })
  } catch {
    kernel.call('mkdir', { path })
  }
}

function formatLoaded(
  programs: readonly ReturnType<typeof describeLoaded>[],
  maps: readonly ReturnType<typeof describeMap>[],
): string {
  const right = 'right' as const
  const parts = [
    formatTable(
      [
        { head: 'PROGRAM' },
        { head: 'TYPE' },
        { head: 'TAG' },
        { head: 'XLATED', align: right },
        { head: 'JITED', align: right },
        { head: 'VERIFIED', align: right },
        { head: 'MAPS' },
      ],
      programs.map((prog) => [
        prog.name,
        prog.type,
        prog.tag,
        `${prog.bytes_xlated}B`,
        prog.bytes_jited === undefined ? 'no' : `${prog.bytes_jited}B`,
        prog.verified_insns === 0 ? '' : `${prog.verified_insns}`,
        (prog.map_ids ?? []).map((id) => maps.find((map) => map.id === id)?.name ?? id).join(','),
      ]),
    ),
  ]
  if (maps.length > 0) {
    parts.push(
      formatTable(
        [
          { head: 'MAP' },
          { head: 'TYPE' },
          { head: 'KEY', align: right },
          { head: 'VALUE', align: right },
          { head: 'ENTRIES', align: right },
          { head: 'MEMORY', align: right },
        ],
        maps.map((map) => [
          map.name ?? String(map.id),
          map.type,
          `${map.bytes_key}B`,
          `${map.bytes_value}B`,
          String(map.max_entries),
          map.bytes_memlock === undefined ? '' : `${map.bytes_memlock}B`,
        ]),
      ),
    )
  }
  return parts.join('\n\n')
}
