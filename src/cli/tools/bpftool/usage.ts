import { NOUNS } from './nouns.js'

/** What `bpftool help` prints, made of the tables of verbs. */
export function mainUsage(): string {
  return `Usage: bpftool [OPTIONS] OBJECT { COMMAND | help }
       bpftool batch file FILE
       bpftool version

       OBJECT := { ${NOUNS.map(({ name }) => name).join(' | ')} }
       OPTIONS := { -j | --json, -p | --pretty, -f | --bpffs, -n | --nomount, -d | --debug, -V | --version }
`
}

/** What `bpftool NOUN help` prints. */
export function nounUsage(noun: string): string {
  const verbs = NOUNS.find(({ name }) => name === noun)?.verbs ?? []
  const lines = verbs.map(({ names, words }) => {
    const name = names.length === 1 ? names[0] : `{ ${names.join(' | ')} }`
    return `bpftool ${noun} ${name} ${words}`.trimEnd()
  })
  return `Usage: ${[...lines, `bpftool ${noun} help`].join('\n       ')}\n`
}
