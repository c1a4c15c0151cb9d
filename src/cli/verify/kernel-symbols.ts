import { readFileSync } from 'node:fs'

let names: ReadonlySet<string> | undefined

/** Whether /proc/kallsyms names the symbol; where it cannot be read, all are taken to be there. */
export function hasKernelSymbol(name: string): boolean {
  if (names === undefined) {
    const found = new Set<string>()
    try {
      for (const line of readFileSync('/proc/kallsyms', 'latin1').split('\n')) {
        const symbol = line.split(/\s/)[2]
        if (symbol !== undefined) found.add(symbol)
      }
    } catch {
      // Not Linux, or hidden: nothing is known.
    }
    names = found
  }
  return names.size === 0 || names.has(name)
}
