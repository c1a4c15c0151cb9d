import type { Command } from 'commander'
import { probeFeatures } from '../../../sdk/index.js'
import type { CommandHost } from '../../host/host.js'
import { nounCommand } from '../../noun/noun-command.js'
import type { Noun, VerbContext } from '../../noun/verb.js'
import { deviceIndex } from '../map/create.js'
import { listBuiltins } from './builtins.js'
import { featureMacros, featuresJson, formatFeatures } from './report.js'

/** `feature …`: bpftool's verbs. */
// biome-ignore format: one row per line
export const FEATURE_NOUN: Noun = {
  name: 'feature',
  summary: 'find out what a kernel can do',
  verbs: [
    { names: ['probe'], words: '[kernel | dev NAME] [full] [unprivileged] [nohelpers] [macros [prefix P]]', summary: 'try program types, map types, helpers, attach types, BTF and instructions, and read sysctls', run: probe },
    { names: ['list_builtins'], words: '(prog_types | map_types | attach_types | link_types | helpers)', summary: 'list the names that are known', run: listBuiltins },
  ],
}

function probe(context: VerbContext): void {
  const { kernel, words } = context
  let full = false
  let helpers = true
  let macros = false
  let prefix = ''
  let component: 'kernel' | 'dev' | undefined
  const choose = (word: 'kernel' | 'dev'): void => {
    if (component !== undefined) throw words.wrong('component to probe already specified')
    words.next(word)
    component = word
  }
  while (!words.done) {
    if (words.is('kernel')) choose('kernel')
    else if (words.is('dev')) {
      choose('dev')
      words.need(1)
      deviceIndex(context, words.next('device'))
    } else if (words.take('full')) full = true
    else if (words.take('macros')) macros = true
    else if (words.take('prefix')) {
      if (prefix !== '') throw words.wrong("'prefix' already defined")
      words.need(1)
      prefix = words.next('prefix')
    } else if (words.take('nohelpers')) helpers = false
    else if (!words.take('unprivileged'))
      throw words.wrong(`expected no more arguments, 'kernel', 'dev', 'macros' or 'prefix', got: '${words.peek()}'?`)
  }
  const features = probeFeatures(kernel, { helpers })
  if (macros && !context.json) context.answer(null, featureMacros(features, { full, prefix }))
  else context.answer(featuresJson(features, { full }), formatFeatures(features, { full }))
}

/** `skep feature …` */
export function featureCommand(host: CommandHost): Command {
  return nounCommand(FEATURE_NOUN, host)
}
