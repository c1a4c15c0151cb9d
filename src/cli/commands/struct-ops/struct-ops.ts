import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { errnoText } from '../../../base/index.js'
import { formatValue, parseBtf } from '../../../btf/index.js'
import type { MapInfo } from '../../../kernel/index.js'
import { KernelError } from '../../../kernel/index.js'
import { attachStructOps, type Collection, loadCollection, openObject } from '../../../sdk/index.js'
import { bpf_map_type } from '../../../spec/index.js'
import type { CommandHost } from '../../host/host.js'
import { errorNumber } from '../../input/files.js'
import { attempt, CommandError } from '../../noun/command-error.js'
import { nounCommand } from '../../noun/noun-command.js'
import { everyObject, type Opened } from '../../noun/objects.js'
import type { Noun, VerbContext } from '../../noun/verb.js'
import { RawJson } from '../../output/json-text.js'
import { libbpfReport } from '../prog/load.js'

/** `struct_ops …`: bpftool's verbs. */
// biome-ignore format: one row per line
export const STRUCT_OPS_NOUN: Noun = {
  name: 'struct_ops',
  summary: 'list, register and unregister operations of the kernel written in BPF',
  verbs: [
    { names: ['show', 'list'], words: '[id N | name S]', summary: 'list registered operations', run: showOps },
    { names: ['register'], words: 'FILE', summary: 'load an object and register its operations', run: register },
    { names: ['unregister'], words: '(id N | name S)', summary: 'take operations away', run: unregister },
    { names: ['dump'], words: '[id N | name S]', summary: 'print the values of registered operations', run: dumpOps },
  ],
}

function isOps({ info }: Opened<'map'>): boolean {
  return info.type === bpf_map_type.BPF_MAP_TYPE_STRUCT_OPS
}

/** The operations that are meant: all, or those of an id or a name. */
function* meant(context: VerbContext, needed = false): Generator<Opened<'map'>> {
  const { kernel, words } = context
  if (words.done && !needed) {
    for (const map of everyObject(kernel, 'map')) if (isOps(map)) yield map
    return
  }
  if (words.left !== 2) throw words.usage('operations are named by id or name')
  if (words.take('id')) {
    const id = words.number('ID')
    const fd = attempt(`can't get map by id (${id})`, () => kernel.call('map_get_fd_by_id', { id }))
    const info = kernel.call('obj_get_info_by_fd', { fd }) as MapInfo
    const map = { fd, info }
    if (!isOps(map)) throw new CommandError(`${id} is not a struct_ops map`)
    yield map
    return
  }
  if (!words.take('name')) throw words.usage('operations are named by id or name')
  const name = words.next('name')
  let found = false
  for (const map of everyObject(kernel, 'map')) {
    if (!isOps(map) || map.info.name !== name) continue
    found = true
    yield map
  }
  if (!found) throw new CommandError(`no struct_ops found for ${name}`)
}

/** Name of the kernel's struct behind the value type `bpf_struct_ops_NAME`. */
function opsType({ kernel }: VerbContext, { info }: Opened<'map'>): string {
  const bytes = kernel.vmlinuxBtf()
  if (bytes === undefined || info.btfVmlinuxValueTypeId === 0) return ''
  return parseBtf(bytes)
    .type(info.btfVmlinuxValueTypeId)
    .name.replace(/^bpf_struct_ops_/, '')
}

function showOps(context: VerbContext): void {
  const rows = [...meant(context)].map((map) => ({
    id: map.info.id,
    name: map.info.name,
    kernel_struct_ops: opsType(context, map),
  }))
  context.answer(
    rows,
    rows
      .map(({ id, name, kernel_struct_ops }) => `${id}: ${name.padEnd(15)} ${kernel_struct_ops.padEnd(32)}`)
      .join('\n'),
  )
}

function dumpOps(context: VerbContext): void {
  const bytes = context.kernel.vmlinuxBtf()
  const btf = bytes === undefined ? undefined : parseBtf(bytes)
  const style = context.json && !context.pretty ? ('json' as const) : ('pretty' as const)
  const dumped = [...meant(context)].map(({ fd, info }) => {
    const value = context.kernel.call('map_lookup_elem', { mapFd: fd, key: new Uint8Array(4) })
    const text = btf === undefined ? 'null' : formatValue(btf, info.btfVmlinuxValueTypeId, value, { style })
    return { bpf_map_info: { id: info.id, name: info.name }, value: new RawJson(text) }
  })
  context.answer(
    dumped,
    `[${dumped.map(({ bpf_map_info: { id, name }, value }) => `{"id":${id},"name":"${name}","value":${value.text}}`).join(',\n')}]`,
  )
}

function register(context: VerbContext): void {
  const { kernel, words, host } = context
  if (words.left !== 1) throw words.usage('one object is registered')
  const file = words.next('object file')
  let bytes: Uint8Array
  try {
    bytes = new Uint8Array(readFileSync(host.resolve(file)))
  } catch (error) {
    const before = `libbpf: elf: failed to open ${file}: ${errnoText(errorNumber(error))}\n`
    throw new CommandError(`${file}: ${errnoText(errorNumber(error))}`, { kind: 'quiet', cause: error, before })
  }
  const spec = openObject(bytes, { file })
  let collection: Collection
  try {
    collection = loadCollection(spec, { kernel })
  } catch (error) {
    throw new CommandError((error as Error).message, { kind: 'quiet', cause: error, before: libbpfReport(spec, error) })
  }
  using loaded = collection
  const lines: string[] = []
  for (const name of loaded.structOps.keys()) {
    try {
      // Registered without a link: it stays when this command ends.
      attachStructOps(loaded, name)
      const info = loaded.map(name).info()
      lines.push(`Registered ${opsType(context, { fd: loaded.map(name).fd, info })} ${info.name} id ${info.id}`)
    } catch (error) {
      if (!(error instanceof KernelError)) throw error
      throw new CommandError(`can't register struct_ops ${name}: ${errnoText(error.errno)}`, { cause: error })
    }
  }
  context.answer(null, lines.join('\n'))
}

function unregister(context: VerbContext): void {
  const { kernel } = context
  const lines: string[] = []
  for (const map of [...meant(context, true)]) {
    const fd = kernel.call('map_get_fd_by_id', { id: map.info.id })
    attempt(`can't unload ${opsType(context, map)} ${map.info.name} id ${map.info.id}`, () =>
      kernel.call('map_delete_elem', { mapFd: fd, key: new Uint8Array(4) }),
    )
    lines.push(`Unregistered ${opsType(context, map)} ${map.info.name} id ${map.info.id}`)
  }
  context.answer(null, lines.join('\n'))
}

/** `skep struct_ops …` */
export function structOpsCommand(host: CommandHost): Command {
  return nounCommand(STRUCT_OPS_NOUN, host)
}
