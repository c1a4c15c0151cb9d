import type { CommandHost } from '../host/host.js'
import type { ToolName } from './names.js'

/** A tool with its own grammar: its words in, its exit status out. It prints its own errors. */
export type Tool = (args: readonly string[], host: CommandHost) => number | Promise<number>

/** The tools, each loaded when it is wanted. One folder each. */
export const TOOLS: Readonly<Record<ToolName, () => Promise<Tool>>> = {
  bpftool: async () => (await import('./bpftool/bpftool.js')).bpftool,
  ip: async () => (await import('./ip/ip.js')).ip,
  tc: async () => (await import('./tc/tc.js')).tc,
  ping: async () => (await import('./net/ping.js')).ping,
  sysctl: async () => (await import('./sysctl/sysctl.js')).sysctl,
  mount: async () => (await import('./files/mount.js')).mount,
  umount: async () => (await import('./files/mount.js')).umount,
  tree: async () => (await import('./files/tree.js')).tree,
  ls: async () => (await import('./files/ls.js')).ls,
  cat: async () => (await import('./files/cat.js')).cat,
  mkdir: async () => (await import('./files/change.js')).mkdir,
  rmdir: async () => (await import('./files/change.js')).rmdir,
  rm: async () => (await import('./files/change.js')).rm,
  ethtool: async () => (await import('./ethtool/ethtool.js')).ethtool,
  dmesg: async () => (await import('./dmesg/dmesg.js')).dmesg,
  bpf_jit_disasm: async () => (await import('./dmesg/bpf-jit-disasm.js')).bpfJitDisasm,
}
