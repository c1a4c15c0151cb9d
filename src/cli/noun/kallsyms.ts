import { readFileSync } from 'node:fs'

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
