import type { Command } from 'commander'
import { pinObject } from '../../noun/pin.js'
import { nounCommand, type Verb, type VerbContext } from '../../noun/verb.js'
import { dumpJited } from './jited.js'
import { loadProgs } from './load.js'
import { runProg } from './run.js'
import { showProgs } from './show.js'
import { dumpXlated } from './xlated.js'

const PROG = '(id N | tag T | name S | pinned P)'

function dump(context: VerbContext): void {
  if (context.words.take('xlated')) dumpXlated(context)
  else if (context.words.take('jited')) dumpJited(context)
  else throw context.words.wrong("'xlated' or 'jited' expected")
}

// biome-ignore format: one row per line
const VERBS: readonly Verb[] = [
  { names: ['show', 'list'], words: `[${PROG}]`, summary: 'list programs, or show one', run: showProgs },
  { names: ['dump'], words: `(xlated | jited) ${PROG} [opcodes] [linum] [file FILE]`, summary: 'print the instructions as the kernel translated them, or what its compiler made of them', run: dump },
  { names: ['load'], words: 'FILE [PATH] [pinmaps DIR]', summary: 'load an object; pin its first program, or show what loads', run: (context) => loadProgs(context, false) },
  { names: ['loadall'], words: 'FILE PATH [pinmaps DIR]', summary: 'load an object and pin each program below a directory', run: (context) => loadProgs(context, true) },
  { names: ['pin'], words: `${PROG} PATH`, summary: 'give a program a name in bpffs', run: (context) => pinObject(context, 'prog') },
  { names: ['run'], words: `${PROG} data_in FILE [data_out FILE] [ctx_in FILE] [ctx_out FILE] [repeat N]`, summary: 'run a program on data from a file', run: runProg },
]

/** `skep prog …` */
export function progCommand(): Command {
  return nounCommand('prog', 'list, load and run programs', VERBS)
}
