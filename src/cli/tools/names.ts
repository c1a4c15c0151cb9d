/** Tools under their own names: `skep bpftool …`, `skep --as bpftool …`, and the programs of that name in `skep sh`. */
export const TOOL_NAMES = [
  'bpftool',
  'ip',
  'tc',
  'ping',
  'sysctl',
  'mount',
  'umount',
  'tree',
  'ls',
  'cat',
  'mkdir',
  'rmdir',
  'rm',
  'dmesg',
  'bpf_jit_disasm',
  'ethtool',
] as const

export type ToolName = (typeof TOOL_NAMES)[number]

export function isToolName(name: string | undefined): name is ToolName {
  return (TOOL_NAMES as readonly (string | undefined)[]).includes(name)
}
