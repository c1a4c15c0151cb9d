import { errnoText } from '../../../base/index.js'
import type { MapSpec } from '../../../object/index.js'

const MAX_INSNS = 4096
const PINNING: Readonly<Record<string, number>> = { none: 0, by_name: 2, object_ns: 1, global_ns: 2 }

interface Outcome {
  /** Descriptor of what was loaded, or a negative errno. */
  readonly fd: number
}

function outcome(fd: number): string {
  return fd < 0 ? `rejected: ${errnoText(-fd)} (${-fd})!` : `loaded (${fd})!`
}

/** What the verb `verb` says of a map. */
export function mapReport(map: MapSpec, { fd }: Outcome): string {
  const pinning = PINNING[map.pinning] ?? Number(map.pinning.replace('scope ', ''))
  return `
Map object '${map.name}' ${outcome(fd)}
 - Type:         ${map.typeId}
 - Identifier:   ${map.id ?? 0}
 - Pinning:      ${pinning}
 - Size key:     ${map.keySize}
 - Size value:   ${map.valueSize}
 - Max elems:    ${map.maxEntries}
 - Flags:        ${map.flags === 0 ? '0' : `0x${map.flags.toString(16)}`}

`
}

/** What the verb `verb` says of a program, and iproute2's own loader of one that is refused. */
export function progReport(
  of: { readonly section: string; readonly type: number; readonly insns: number; readonly license: string },
  { fd }: Outcome,
  log: string,
): string {
  return `
Prog section '${of.section}' ${outcome(fd)}
 - Type:         ${of.type}
 - Instructions: ${of.insns} (${Math.max(0, of.insns - MAX_INSNS)} over limit)
 - License:      ${of.license}

Verifier analysis:

${log}
`
}

/** What libbpf says of a program that is refused. */
export function libbpfReport(program: string, file: string, errno: number, log: string): string {
  const own = `libbpf: prog '${program}':`
  const quoted = log === '' ? '' : `${own} -- BEGIN PROG LOAD LOG --\n${log.trimEnd()}\n-- END PROG LOAD LOG --\n`
  return (
    `${own} BPF program load failed: ${errnoText(errno)}\n${quoted}` +
    `${own} failed to load: -${errno}\nlibbpf: failed to load object '${file}'\n`
  )
}
