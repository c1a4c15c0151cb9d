import { Command } from 'commander'
import type { CommandHost } from '../../host/host.js'
import { verbCommand } from '../../noun/noun-command.js'
import type { Noun } from '../../noun/verb.js'
import { genMinCoreBtf } from './min-core-btf.js'
import { genObject } from './object.js'
import { genSkeleton, genSubskeleton, skeletonCommand } from './skeleton.js'

/** `gen …`: bpftool's verbs that make files of object files. No kernel is asked. */
export const GEN_NOUN: Noun = {
  name: 'gen',
  summary: 'make files of object files',
  usageFirst: true,
  verbs: [genObject, genSkeleton, genSubskeleton, genMinCoreBtf],
}

/** `skep gen …` */
export function genCommand(host: CommandHost): Command {
  return new Command('gen')
    .description(GEN_NOUN.summary)
    .addCommand(verbCommand('gen', genObject, host))
    .addCommand(skeletonCommand(genSkeleton, host, true))
    .addCommand(skeletonCommand(genSubskeleton, host, false))
    .addCommand(verbCommand('gen', genMinCoreBtf, host))
}
