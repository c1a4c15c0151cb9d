import type { Command } from 'commander'
import type { CommandHost } from '../../host/host.js'
import { nounCommand } from '../../noun/noun-command.js'
import { pinObject } from '../../noun/pin.js'
import type { Noun } from '../../noun/verb.js'
import { attachProg, detachProg } from './attach.js'
import { dumpProg } from './dump.js'
import { loadProgs } from './load.js'
import { profileProg } from './profile.js'
import { runProg } from './run.js'
import { showProgs } from './show.js'
import { traceLog } from './tracelog.js'

const PROG = '(id N | tag T | name S | pinned P)'
const LOAD = '[type TYPE] [dev NAME] [map (idx N | name S) MAP] [pinmaps DIR]'

/** `prog …`: bpftool's verbs, in bpftool's order, which decides what a word cut short means. */
// biome-ignore format: one row per line
export const PROG_NOUN: Noun = {
  name: 'prog',
  summary: 'list, load and run programs',
  verbs: [
    { names: ['show', 'list'], words: `[${PROG}]`, summary: 'list programs, or show one', run: showProgs },
    { names: ['dump'], words: `(xlated | jited) ${PROG} [opcodes] [linum] [visual [svg]] [file FILE]`, summary: 'print the instructions as the kernel translated them', run: dumpProg },
    { names: ['pin'], words: `${PROG} PATH`, summary: 'give a program a name in bpffs', run: (context) => pinObject(context, 'prog') },
    { names: ['load'], words: `FILE [PATH] ${LOAD}`, summary: 'load an object; pin its first program, or show what loads', run: (context) => loadProgs(context, false) },
    { names: ['loadall'], words: `FILE PATH ${LOAD}`, summary: 'load an object and pin each program below a directory', run: (context) => loadProgs(context, true) },
    { names: ['attach'], words: `${PROG} ATTACH_TYPE [MAP]`, summary: 'attach a program to a socket map, or a flow dissector to the network namespace', run: attachProg },
    { names: ['detach'], words: `${PROG} ATTACH_TYPE [MAP]`, summary: 'undo that', run: detachProg },
    { names: ['tracelog'], words: '', summary: 'print what programs print with bpf_printk, as it comes', run: traceLog },
    { names: ['run'], words: `${PROG} data_in FILE [data_out FILE] [ctx_in FILE] [ctx_out FILE] [repeat N]`, summary: 'run a program on data from a file', run: runProg },
    { names: ['profile'], words: `${PROG} [duration SECONDS] METRICS`, summary: 'count the runs of a program for a while', run: profileProg },
  ],
}

/** `skep prog …` */
export function progCommand(host: CommandHost): Command {
  return nounCommand(PROG_NOUN, host)
}
