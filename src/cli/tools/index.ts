import type { CommandHost } from '../host/host.js'
import type { ToolName } from './names.js'

/** A tool with its own grammar: its words in, its exit status out. It prints its own errors. */
export type Tool = (args: readonly string[], host: CommandHost) => number | Promise<number>

/** The tools, each loaded when it is wanted. One folder each. */
export const TOOLS: Readonly<Record<ToolName, () => Promise<Tool>>> = {
  bpftool: async () => (await import('./bpftool/bpftool.js')).bpftool,
}
