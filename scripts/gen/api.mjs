// The public API as text: for every subpath of package.json's exports, the names it exports, flattened, with their
// signatures and without their comments. Reads dist/*.d.ts (build first), writes api/*.d.ts. `--check` only compares.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Longer constants are tables (numbers, layouts, rows); their text would bury the rest. */
const LONGEST_CONSTANT = 12

/** @typedef {{ declarations: Map<string, string[]>, exported: Set<string>, from: Map<string, { file: string, name: string }>, imports: Map<string, { file: string, name: string }> }} Unit */

/** @type {Map<string, Unit>} */
const units = new Map()

/** Splits a list of specifiers: `a, type b as c`. */
function specifiers(list) {
  return list
    .split(',')
    .map((item) => item.trim().replace(/^type /, ''))
    .filter((item) => item !== '')
    .map((item) => {
      const [name, alias = name] = item.split(' as ')
      return { name, alias }
    })
}

/** The top-level statements of a declaration file as tsc prints it: their keywords stand in column 0. */
function statements(text) {
  const found = []
  for (const line of text.replace(/^[ \t]*\/\*\*[\s\S]*?\*\/\n/gm, '').split('\n')) {
    if (line === '' || line.startsWith('//')) continue
    if (/^(import|export|declare|abstract|class|const|function|interface|type) /.test(line)) found.push(line)
    else found[found.length - 1] += `\n${line}`
  }
  return found
}

/** @returns {Unit} */
function unit(file) {
  const known = units.get(file)
  if (known) return known
  const made = { declarations: new Map(), exported: new Set(), from: new Map(), imports: new Map() }
  units.set(file, made)
  const target = (specifier) => join(dirname(file), specifier.replace(/\.js$/, '.d.ts'))
  for (const statement of statements(readFileSync(join(root, file), 'utf8'))) {
    const list = /^(import|export)(?: type)? \{([\s\S]*)\}(?: from '([^']+)')?;$/.exec(statement)
    if (list) {
      const [, verb, names, specifier] = list
      for (const { name, alias } of specifiers(names)) {
        if (verb === 'import') made.imports.set(alias, { file: target(specifier), name })
        else if (specifier) made.from.set(alias, { file: target(specifier), name })
        else if (name !== alias) throw new Error(`${file}: cannot follow ${statement}`)
        else made.exported.add(name)
      }
      continue
    }
    const head = /^(export )?(?:declare )?(?:abstract )?(?:const|let|function|class|interface|type|enum) ([\w$]+)/.exec(
      statement,
    )
    if (!head) {
      if (/^(import '|export \{\};)/.test(statement)) continue
      throw new Error(`${file}: cannot read ${statement.slice(0, 80)}`)
    }
    if (head[1]) made.exported.add(head[2])
    made.declarations.set(head[2], [...(made.declarations.get(head[2]) ?? []), statement])
  }
  return made
}

/** Where a name that a file exports is declared. */
function resolve(file, name) {
  const { declarations, exported, from, imports } = unit(file)
  if (declarations.has(name) && exported.has(name)) return { file, name }
  const next = from.get(name) ?? (exported.has(name) ? imports.get(name) : undefined)
  if (!next) throw new Error(`${file} does not export ${name}`)
  return resolve(next.file, next.name)
}

function shorten(statement) {
  const lines = statement.split('\n')
  if (!/^(export )?declare const/.test(statement)) return statement
  if (lines.length > LONGEST_CONSTANT) return `${lines[0]} /* a table of ${lines.length} lines */ ${lines.at(-1)}`
  return statement.length > 600 ? `${statement.slice(0, 200)} … /* ${statement.length} characters */` : statement
}

/** Names in types, without those in strings. */
function mentioned(text) {
  return new Set(text.replace(/'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"/g, '').match(/[A-Za-z_$][\w$]*/g) ?? [])
}

/** What an entry exports: its names in order, and where each is declared. */
function exportsOf(entry) {
  const { exported, from } = unit(entry)
  const names = [...new Set([...exported, ...from.keys()])].sort((a, b) => (a < b ? -1 : 1))
  return new Map(names.map((name) => [name, resolve(entry, name)]))
}

const key = ({ file, name }) => `${file}#${name}`

/** A comment of at most 120 columns. */
function comment(title, items) {
  if (items.size === 0) return ''
  const lines = [`// ${title}:`]
  for (const item of [...items].sort()) {
    const longer = `${lines.at(-1)}${lines.at(-1).endsWith(':') ? '' : ','} ${item}`
    if (longer.length > 118) lines.push(`//   ${item}`)
    else lines[lines.length - 1] = longer
  }
  return `\n${lines.join('\n')}\n`
}

/** The text of one subpath. `homes`: by declaration, the subpath that exports it. */
function apiOf(subpath, places, homes) {
  const own = new Set([...places.values()].map(key))
  const elsewhere = new Set()
  const nowhere = new Set()
  const parts = [...places].map(([name, place]) => {
    const { declarations, imports } = unit(place.file)
    const text = declarations.get(place.name).map(shorten).join('\n')
    for (const word of mentioned(text)) {
      if (word === place.name || !(declarations.has(word) || imports.has(word))) continue
      const from = imports.get(word)
      const declared = declarations.has(word) ? { file: place.file, name: word } : resolve(from.file, from.name)
      if (own.has(key(declared))) continue
      const home = homes.get(key(declared))
      if (home) elsewhere.add(`${word} (${home})`)
      else nowhere.add(`${word} (${relative('dist', declared.file).replace(/\.d\.ts$/, '')})`)
    }
    const renamed = name === place.name ? '' : `// as ${name}\n`
    return renamed + (text.startsWith('export') ? text : `export ${text}`)
  })
  return [
    `// ${specifierOf(subpath)}: what it exports. Written by scripts/gen/api.mjs: a change here is a change of the public API.\n\n`,
    `${parts.join('\n\n')}\n`,
    comment('Named above, exported by other entries', elsewhere),
    comment('Named above, exported by none', nowhere),
  ].join('')
}

const specifierOf = (subpath) => `skep${subpath.slice(1)}`

/** File name under api/ and its text, for every subpath that has types. */
export function publicApi() {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const entries = Object.entries(exports)
    .filter(([, target]) => typeof target === 'object' && target.types)
    .map(([subpath, { types }]) => [subpath, exportsOf(join(types))])
  const homes = new Map()
  for (const [subpath, places] of entries)
    for (const place of places.values()) if (!homes.has(key(place))) homes.set(key(place), specifierOf(subpath))
  return new Map(
    entries.map(([subpath, places]) => [
      `${subpath === '.' ? 'skep' : subpath.slice(2)}.d.ts`,
      apiOf(subpath, places, homes),
    ]),
  )
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = join(root, 'api')
  const check = process.argv.includes('--check')
  const texts = publicApi()
  const stale = (existsSync(folder) ? readdirSync(folder) : []).filter((name) => !texts.has(name))
  if (check) {
    const old = [...texts].filter(([name, text]) => {
      const path = join(folder, name)
      return !existsSync(path) || readFileSync(path, 'utf8') !== text
    })
    for (const name of [...old.map(([name]) => name), ...stale]) console.error(`api/${name} is not what dist/ exports`)
    process.exit(old.length + stale.length === 0 ? 0 : 1)
  }
  mkdirSync(folder, { recursive: true })
  for (const name of stale) rmSync(join(folder, name))
  for (const [name, text] of texts) writeFileSync(join(folder, name), text)
}
