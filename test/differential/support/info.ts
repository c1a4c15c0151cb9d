import { toHex } from '#src/base/index.js'
import type { ProgInfo } from '#src/kernel/index.js'
import type { Collection } from '#src/sdk/index.js'

/** What BPF_OBJ_GET_INFO_BY_FD says of a collection's maps and programs, as text by field; ids only as "there is one". */
export function infoOf(collection: Collection): Map<string, string> {
  const fields = new Map<string, string>()
  const put = (key: string, value: unknown): void => {
    fields.set(key, value instanceof Uint8Array ? toHex(value) : String(value))
  }
  for (const [name, map] of collection.maps) {
    const { id, btfId, btfVmlinuxValueTypeId, ...rest } = map.info()
    put(`map ${name} id`, id > 0)
    put(`map ${name} btfId`, btfId > 0)
    put(`map ${name} btfVmlinuxValueTypeId`, btfVmlinuxValueTypeId > 0)
    for (const [field, value] of Object.entries(rest)) put(`map ${name} ${field}`, value)
  }
  for (const [name, program] of collection.programs) {
    const info: ProgInfo = program.info({ details: true })
    put(`prog ${name} id`, info.id > 0)
    put(`prog ${name} btfId`, info.btfId > 0)
    put(`prog ${name} maps`, info.mapIds.length)
    put(`prog ${name} loadTime`, info.loadTime > 0n)
    // The tag is a hash of the instructions as they were given, with kernel functions by their numbers in that kernel.
    if (!collection.spec.externs.some((extern) => extern.kind === 'kfunc')) put(`prog ${name} tag`, info.tag)
    const alike = [
      ...['kind', 'type', 'name', 'createdByUid', 'ifindex', 'gplCompatible', 'netnsDev', 'netnsIno'],
      ...[
        'funcInfoRecSize',
        'lineInfoRecSize',
        'runTimeNs',
        'runCnt',
        'recursionMisses',
        'attachBtfObjId',
        'attachBtfId',
      ],
    ] as const
    for (const field of alike) put(`prog ${name} ${field}`, info[field as keyof ProgInfo])
  }
  return fields
}
