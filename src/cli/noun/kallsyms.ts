import { readFileSync } from 'node:fs'
import { toHex } from '../../base/index.js'
import type { Kernel } from '../../kernel/index.js'
import { placesOf } from '../commands/prog/places.js'
import { everyObject } from './objects.js'

/**
 * Names of kernel functions by address, of /proc/kallsyms. Addresses are hidden (zero) from processes without rights: no names
 * then.
 */
export function readKallsyms(): ReadonlyMap<bigint, string> {
  const names = new Map<bigint, string>()
  let text: string
  try {
    text = readFileSync('/proc/kallsyms', 'latin1')
  } catch {
    return names
  }
  for (const [, address = '', name = ''] of text.matchAll(/^([0-9a-f]+) [tTwW] (__bpf_call_base|\w*bpf_\w+|\w*)/gm)) {
    if (!/^0+$/.test(address)) names.set(BigInt(`0x${address}`), name)
  }
  return names
}

/**
 * /proc/kallsyms of the embedded kernel: its compiled programs, while net.core.bpf_jit_kallsyms is 1, as Linux lists them behind its own
 * functions: `ffffffffa0000000 t bpf_prog_0123456789abcdef_name [bpf]`.
 */
export function kallsymsText(kernel: Kernel): string {
  if (kernel.call('sysctl_read', { name: 'net.core.bpf_jit_kallsyms' }).trim() !== '1') return ''
  const rows: { readonly address: bigint; readonly name: string }[] = []
  for (const { info } of everyObject(kernel, 'prog', true)) {
    const functions = [...placesOf(kernel, info).functions.values()]
    for (const [index, address] of info.jitedKsyms.entries()) {
      const name = functions[index]?.name ?? info.name
      rows.push({
        address,
        name: `bpf_prog_${toHex(info.progTags[index] ?? info.tag)}${name === '' ? '' : `_${name}`}`,
      })
    }
  }
  rows.sort((a, b) => (a.address < b.address ? -1 : 1))
  return rows.map(({ address, name }) => `${address.toString(16).padStart(16, '0')} t ${name}\t[bpf]\n`).join('')
}
