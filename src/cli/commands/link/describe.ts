import { errorCode, type Kernel, type LinkDetails } from '../../../kernel/index.js'
import { attachTypeName, linkTypeName } from '../../../spec/index.js'
import type { Opened } from '../../noun/objects.js'
import { pinnedField, type pinnedPaths } from '../../noun/surroundings.js'

/** A link with bpftool's keys: its type's fields under Linux's names, devices and attach types with theirs. */
export function describeLink(
  kernel: Kernel,
  { info }: Opened<'link'>,
  paths: ReturnType<typeof pinnedPaths> | undefined,
): Record<string, unknown> {
  return {
    id: info.id,
    type: linkTypeName(info.type) ?? `type ${info.type}`,
    prog_id: info.progId,
    ...fieldsOf(kernel, info.details, linkTypeName(info.type) === 'iter'),
    ...pinnedField(paths, 'link', info.id),
  }
}

/** `sparse`: only some of the fields mean something, those that are not zero. */
function fieldsOf(kernel: Kernel, details: LinkDetails, sparse: boolean): Record<string, unknown> {
  const fields: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(details)) {
    if (sparse && (value === 0 || value === 0n)) continue
    const name = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    if (name === 'attach_type') fields[name] = attachTypeName(Number(value)) ?? value
    else if (name === 'ifindex') {
      const device = deviceName(kernel, Number(value))
      if (device !== undefined) fields.devname = device
      fields[name] = value
    } else if (name !== 'cookie' || BigInt(value as bigint) !== 0n) fields[name] = value
  }
  return fields
}

/** The device's name in the caller's own network namespace, where the number means something only if the link is from there. */
function deviceName(kernel: Kernel, ifindex: number): string | undefined {
  if (ifindex === 0) return undefined
  try {
    return kernel.call('rtm_getlink', { ifindex }).name
  } catch (error) {
    if (errorCode(error) === undefined) throw error
    return undefined
  }
}

export function formatLink(link: Record<string, unknown>): string {
  const { id, type, prog_id: progId, pinned, devname, ...fields } = link
  const head = `${id}: ${type}  prog ${progId}  `
  const words = Object.entries(fields).map(([name, value]) => {
    if (name === 'ifindex') return `ifindex ${devname === undefined ? value : `${devname}(${value})`}`
    return name === 'tp_name' ? `tp '${value}'` : `${name} ${String(value)}`
  })
  // An iterator's target stands on the first line, as bpftool has it.
  const lines = type === 'iter' ? [`${head}${words.map((word) => `${word}  `).join('')}`] : [head]
  if (words.length > 0 && type !== 'iter') lines.push(`\t${words.join('  ')}  `)
  for (const path of (pinned as readonly string[] | undefined) ?? []) lines.push(`\tpinned ${path}`)
  return lines.join('\n')
}
