import { readFileSync } from 'node:fs'
import { errnoText } from '../../../base/index.js'
import { KernelError } from '../../../kernel/index.js'
import type { ObjectSpec } from '../../../object/index.js'
import {
  BpfMap,
  type BpfProgram,
  type Collection,
  type CollectionOptions,
  loadCollection,
  ObjectError,
  openObject,
  VerifierError,
} from '../../../sdk/index.js'
import { matchSection } from '../../../spec/index.js'
import { errorNumber } from '../../input/files.js'
import { CommandError } from '../../noun/command-error.js'
import { oneNamed } from '../../noun/objects.js'
import { makeFolder } from '../../noun/pin.js'
import type { VerbContext } from '../../noun/verb.js'
import { formatTable } from '../../output/table.js'
import { deviceIndex } from '../map/create.js'
import { describeMap } from '../map/show.js'
import { describeProg } from './show.js'

const STRICT = `Warning: bpftool is now running in libbpf strict mode and has more stringent requirements about BPF programs.
If it used to work for this object file but now doesn't, see --legacy option for more details.

`

interface Wanted {
  readonly file: string
  readonly path: string | undefined
  readonly type: string | undefined
  readonly ifindex: number | undefined
  readonly maps: readonly { readonly index?: number; readonly name?: string; readonly map: BpfMap }[]
  readonly pinmaps: string | undefined
}

/**
 * `prog load FILE [PATH] [type TYPE] [dev NAME] [map (idx N | name S) MAP]… [pinmaps DIR]`: loads an object. The first program is pinned
 * at PATH (`loadall`: each below it, by name) and stays; without a path everything goes away again, and what was loaded is shown.
 */
export function loadProgs(context: VerbContext, all: boolean): void {
  const { kernel, host } = context
  const wanted = readWords(context, all)
  const stays = wanted.path !== undefined || wanted.pinmaps !== undefined
  const spec = openFile(context, wanted.file)
  if (!stays) for (const map of spec.maps) map.pinning = 'none'
  if (wanted.type !== undefined) setType(context, spec, wanted.type)
  const options: CollectionOptions = {
    kernel,
    maps: mapsOf(spec, wanted),
    ...(wanted.ifindex === undefined ? {} : { ifindex: wanted.ifindex }),
    ...(context.debug ? { logLevel: 1 } : {}),
  }
  using collection = loadSpec(spec, options)
  for (const [name, log] of collection.logs) {
    if (log !== '') host.err(`libbpf: prog '${name}': -- BEGIN PROG LOAD LOG --\n${log}-- END PROG LOAD LOG --\n`)
  }
  if (wanted.path !== undefined) pinPrograms(context, collection, wanted.path, all)
  if (wanted.pinmaps !== undefined) {
    makeFolder(context, wanted.pinmaps)
    try {
      for (const [name, map] of collection.maps) map.pin(`${wanted.pinmaps}/${name.replaceAll('.', '_')}`)
    } catch (error) {
      throw failed('failed to pin all maps', error)
    }
  }
  if (stays) {
    context.silent()
    return
  }
  const programs = [...collection.programs.values()].map((program) => describeLoaded(context, program))
  const maps = [...collection.maps.values()].map((map) => describeMap(context, { fd: map.fd, info: map.info() }))
  context.answer({ programs, maps }, formatLoaded(programs, maps))
}

const AFTER_PATH = ['type', 'map', 'dev', 'pinmaps'] as const

function readWords(context: VerbContext, all: boolean): Wanted {
  const { words } = context
  words.need(all || context.strict ? 2 : 1)
  const file = words.next('object file')
  const path = words.done || (!all && AFTER_PATH.some((word) => words.peek() === word)) ? undefined : words.next('path')
  let type: string | undefined
  let ifindex: number | undefined
  let pinmaps: string | undefined
  const maps: Wanted['maps'][number][] = []
  while (!words.done) {
    if (words.take('type')) {
      if (type !== undefined) throw words.wrong('program type already specified')
      words.need(1)
      type = words.next('type')
    } else if (words.is('map')) {
      words.next('map')
      words.need(4)
      const named = words.take('name')
      if (!named && !words.take('idx')) throw words.wrong(`expected 'idx' or 'name', got: '${words.peek()}'?`)
      const way = named ? { name: words.next('name') } : { index: words.number('IDX') }
      maps.push({ ...way, map: BpfMap.fromFd(context.kernel, oneNamed(context, 'map').fd) })
    } else if (words.take('dev')) {
      if (ifindex !== undefined) throw words.wrong('offload device already specified')
      words.need(1)
      ifindex = deviceIndex(context, words.next('device'))
    } else if (words.take('pinmaps')) {
      words.need(1)
      pinmaps = words.next('directory')
    } else throw words.wrong(`expected no more arguments, 'type', 'map' or 'dev', got: '${words.peek()}'?`)
  }
  return { file, path, type, ifindex, maps, pinmaps }
}

function openFile({ host }: VerbContext, file: string): ObjectSpec {
  try {
    return openObject(new Uint8Array(readFileSync(host.resolve(file))), { file })
  } catch (error) {
    const before =
      error instanceof ObjectError
        ? `libbpf: elf: '${file}' is not a proper ELF object\n`
        : `libbpf: elf: failed to open ${file}: ${errnoText(errorNumber(error))}\n`
    const hint = error instanceof ObjectError ? error.message : `${file}: ${errnoText(errorNumber(error))}`
    throw new CommandError('failed to open object file', { cause: error, before, hint, kind: 'words' })
  }
}

/** `type TYPE`: what the programs are, whatever their sections say. */
function setType({ words }: VerbContext, spec: ObjectSpec, name: string): void {
  const match = matchSection(name) ?? matchSection(`${name}/`)
  if (match === undefined || match.guessed) throw words.wrong(`'${name}' is no type that a section's name stands for`)
  for (const program of spec.programs) {
    program.type = match.type as typeof program.type
    program.attachType = match.attachType as typeof program.attachType
  }
}

function mapsOf(spec: ObjectSpec, { maps }: Wanted): Record<string, BpfMap> {
  const given: Record<string, BpfMap> = {}
  for (const { index, name, map } of maps) {
    const found = spec.maps.find((each, at) => (name === undefined ? at === index : each.name === name))
    if (found === undefined)
      throw new CommandError(name === undefined ? 'invalid map index' : `unable to find map '${name}'`, {
        before: '',
        after: STRICT,
      })
    given[found.name] = map
  }
  return given
}

function loadSpec(spec: ObjectSpec, options: CollectionOptions): Collection {
  try {
    return loadCollection(spec, options)
  } catch (error) {
    throw failed('failed to load object file', error, libbpfReport(spec, error))
  }
}

/** What libbpf prints of a load that failed. */
export function libbpfReport(spec: ObjectSpec, error: unknown): string {
  const file = `libbpf: failed to load object '${spec.file}'\n`
  if (error instanceof VerifierError) {
    const head = `libbpf: prog '${error.program}': `
    const log =
      error.log === '' ? '' : `${head}-- BEGIN PROG LOAD LOG --\n${error.log.trimEnd()}\n-- END PROG LOAD LOG --\n`
    return `${head}BPF program load failed: ${errnoText(error.errno)}\n${log}${head}failed to load: -${error.errno}\n${file}`
  }
  return `libbpf: ${(error as Error).message}\n${file}`
}

function failed(message: string, error: unknown, before = ''): unknown {
  const known = error instanceof KernelError || error instanceof ObjectError || error instanceof VerifierError
  if (!known && (error as Error).name !== 'UsageError') return error
  const reason = error instanceof VerifierError ? error.report() : (error as Error).message
  return new CommandError(message, {
    cause: error,
    before,
    after: STRICT,
    hint: [reason, error instanceof Error && 'hint' in error ? error.hint : undefined].filter(Boolean).join('\n'),
  })
}

function describeLoaded(context: VerbContext, program: BpfProgram) {
  const info = program.info()
  return { ...describeProg(context, { fd: program.fd, info }), name: program.name, verified_insns: info.verifiedInsns }
}

function pinPrograms(context: VerbContext, collection: Collection, path: string, all: boolean): void {
  const [first] = collection.programs.values()
  if (first === undefined) throw new CommandError(`object file doesn't contain any bpf program`)
  if (!all) {
    try {
      first.pin(path)
    } catch (error) {
      throw failed(`failed to pin program ${first.origin?.section ?? first.name}`, error)
    }
    return
  }
  try {
    makeFolder(context, path)
    for (const [name, program] of collection.programs) program.pin(`${path}/${name}`)
  } catch (error) {
    throw failed('failed to pin all programs', error)
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
