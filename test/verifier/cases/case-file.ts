// A case file: one behaviour of the verifier. Text before the first section says which; sections follow, `-- name` each.
//   -- prog     program type, then words: an attach type, sleepable, license=NAME, to=NAME (what it attaches to, in the kernel's BTF)
//   -- c        types and prototypes in C, for BTF: structs of map values, functions by the labels of the assembler text
//   -- maps     a line a map: NAME TYPE key=4 value=8 entries=1 [flags=rdonly_prog,…] [frozen] [contents=HEX] [inner=NAME] [extra=N]
//   -- asm      the instructions; maps are symbols, `m` the map and `m[8]` the eighth byte of its value
// What follows is recorded from Linux (scripts/record/verifier-cases.mjs):
//   -- verdict  accept, or the errno; and the release that was asked
//   -- message  the last telling line of the log
//   -- stats    the closing line
//   -- log      the log at level 2, unless it is long

export interface CaseFile {
  readonly about: string
  readonly prog: string
  readonly c: string
  readonly maps: readonly string[]
  readonly asm: string
  readonly recorded: Recorded | undefined
}

export interface Recorded {
  /** `accept` or an errno's name. */
  readonly verdict: string
  readonly release: string
  readonly message: string
  readonly stats: string
  /** Level 2; undefined where it was too long to keep. */
  readonly log: string | undefined
}

export function parseCase(text: string): CaseFile {
  const [about = '', ...parts] = text.split(/^-- /m)
  const sections = new Map<string, string>()
  for (const part of parts) {
    const end = part.indexOf('\n')
    const name = part.slice(0, end).trim()
    if (sections.has(name)) throw new Error(`section '${name}' twice`)
    sections.set(name, part.slice(end + 1))
  }
  const known = new Set(['prog', 'c', 'maps', 'asm', 'verdict', 'message', 'stats', 'log'])
  for (const name of sections.keys()) if (!known.has(name)) throw new Error(`no section is called '${name}'`)
  const of = (name: string): string => sections.get(name) ?? ''
  if (about.trim() === '') throw new Error('the case does not say what it is about')
  if (!sections.has('prog') || !sections.has('asm')) throw new Error('a case needs prog and asm')
  const [verdict = '', release = ''] = of('verdict').trim().split(' on ')
  return {
    about: about.trim(),
    prog: of('prog').trim(),
    c: of('c'),
    maps: of('maps')
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== ''),
    asm: of('asm'),
    recorded:
      verdict === ''
        ? undefined
        : {
            ...{ verdict, release, message: of('message').trim(), stats: of('stats').trim() },
            log: sections.has('log') ? of('log').trimEnd() : undefined,
          },
  }
}

/** The text of a case, as the recorder writes it. */
export function formatCase({ about, prog, c, maps, asm, recorded }: CaseFile): string {
  const section = (name: string, body: string): string => (body.trim() === '' ? '' : `-- ${name}\n${body.trimEnd()}\n`)
  let out = `${about}\n${section('prog', prog)}${section('c', c)}${section('maps', maps.join('\n'))}${section('asm', asm)}`
  if (recorded === undefined) return out
  out += section('verdict', `${recorded.verdict} on ${recorded.release}`)
  out += section('message', recorded.message)
  out += section('stats', recorded.stats)
  if (recorded.log !== undefined) out += section('log', recorded.log)
  return out
}
