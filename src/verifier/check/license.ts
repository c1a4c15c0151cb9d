const GPL: ReadonlySet<string> = new Set([
  'GPL',
  'GPL v2',
  'GPL and additional rights',
  'Dual BSD/GPL',
  'Dual MIT/GPL',
  'Dual MPL/GPL',
])

/** Whether a licence is one of those the kernel's GPL-only symbols are for. */
export function isGplCompatible(license: string): boolean {
  return GPL.has(license)
}
