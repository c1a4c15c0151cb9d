import { everyObject, type Opened, shown } from '../../noun/objects.js'
import type { Verb, VerbContext } from '../../noun/verb.js'

/** `btf show [id N]`: BTF objects of the kernel, and the programs and maps that use them. */
export const btfShow: Verb = {
  names: ['show', 'list'],
  words: '[id N]',
  summary: 'list BTF objects of a kernel, or show one',
  run: showBtf,
}

function showBtf(context: VerbContext): void {
  const { kernel } = context
  const objects = shown(context, 'btf') ?? everyObject(kernel, 'btf')
  const described = []
  const users = usersOf(context)
  for (const object of objects) described.push(describeBtf(object, users))
  context.answer(described, described.map(formatBtf).join('\n'))
}

type Users = ReadonlyMap<number, { readonly progs: number[]; readonly maps: number[] }>

function usersOf({ kernel }: VerbContext): Users {
  const users = new Map<number, { progs: number[]; maps: number[] }>()
  const of = (btfId: number) => {
    const known = users.get(btfId) ?? { progs: [], maps: [] }
    users.set(btfId, known)
    return known
  }
  for (const { info } of everyObject(kernel, 'prog')) if (info.btfId !== 0) of(info.btfId).progs.push(info.id)
  for (const { info } of everyObject(kernel, 'map')) if (info.btfId !== 0) of(info.btfId).maps.push(info.id)
  return users
}

function describeBtf({ info }: Opened<'btf'>, users: Users) {
  const { progs, maps } = users.get(info.id) ?? { progs: [], maps: [] }
  return {
    id: info.id,
    size: info.btfSize,
    prog_ids: progs,
    map_ids: maps,
    kernel: info.kernelBtf,
    ...(info.name === '' ? {} : { name: info.name }),
  }
}

function formatBtf(btf: ReturnType<typeof describeBtf>): string {
  const name = btf.kernel ? `name [${btf.name}]  ` : btf.name === undefined ? 'name <anon>  ' : `name ${btf.name}  `
  const progs = btf.prog_ids.length === 0 ? '' : `  prog_ids ${btf.prog_ids.join(',')}`
  const maps = btf.map_ids.length === 0 ? '' : `  map_ids ${btf.map_ids.join(',')}`
  return `${btf.id}: ${name}size ${btf.size}B${progs}${maps}`
}
