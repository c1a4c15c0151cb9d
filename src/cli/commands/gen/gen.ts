import type { Command } from 'commander'
import type { CommandHost } from '../../host/host.js'
import { nounCommand } from '../../noun/noun-command.js'
import type { Noun } from '../../noun/verb.js'
import { genMinCoreBtf } from './min-core-btf.js'

/** `gen …`: bpftool's verbs that make files of object files. No kernel is asked. */
export const GEN_NOUN: Noun = {
  name: 'gen',
  summary: 'make files of object files',
  usageFirst: true,
  verbs: [genMinCoreBtf],
}

/** `skep gen …` */
export function genCommand(host: CommandHost): Command {
  return nounCommand(GEN_NOUN, host)
}
