// What each construct compiles to: test/cases/jit/*.case hold a program (`-- asm`), and the text of its functions
// (`-- wat`), in which addresses of the machine's memory are numbered in the order they appear. `SKEP_UPDATE=1` writes what comes out.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { assemble } from '#src/isa/index.js'
import { createMap, MAP_TYPE } from '#src/maps/index.js'
import {
  type BpfMap,
  functionNames,
  Jit,
  type JitOptions,
  Machine,
  Memory,
  printFunction,
  printModule,
  rawImage,
  readModule,
  SeededRandom,
} from '#src/vm/index.js'
import { root } from '../support/paths.js'

const folder = join(root, 'test/cases/jit')
const MIB = 0x10_0000
const OPTIONS: Record<string, JitOptions> = {
  blinded: { blinded: () => true },
  unchecked: { checked: false, counted: false },
  'no-tail-calls': { tailCalls: false },
}

interface Case {
  readonly name: string
  readonly text: string
  /** By heading; the first lines, without one, are what the case is about. */
  readonly sections: ReadonlyMap<string, string>
}

function readCase(file: string): Case {
  const text = readFileSync(join(folder, file), 'utf8')
  const parts = text.split(/^-- (\w+)\n/m)
  const sections = new Map<string, string>()
  for (let i = 1; i < parts.length; i += 2) sections.set(parts[i] as string, parts[i + 1] as string)
  return { name: basename(file, '.case'), text, sections }
}

/** A machine whose memory below a mebibyte is taken, so that addresses are no small numbers. */
function newMachine(): Machine {
  const memory = new Memory()
  memory.alloc(MIB)
  return new Machine({ memory, cpus: 1, random: new SeededRandom(1) })
}

function makeMap(machine: Machine, line: string): BpfMap {
  const [name, type = '', ...numbers] = line.split(' ')
  const [keySize = 4, valueSize = 4, maxEntries = 1] = numbers.map(Number)
  const number = MAP_TYPE[type.toUpperCase() as keyof typeof MAP_TYPE]
  const flags = type === 'lpm_trie' ? 1 : 0
  const map = createMap(machine, { type: number, keySize, valueSize, maxEntries, flags, name: name as string })
  assert.ok(typeof map === 'object', line)
  return map
}

function compile({ sections }: Case): { module: Uint8Array; wat: string } {
  const machine = newMachine()
  const maps = new Map<string, BpfMap>()
  for (const line of (sections.get('maps') ?? '').split('\n')) {
    if (line !== '') maps.set(line.split(' ')[0] as string, makeMap(machine, line))
  }
  const insns = assemble(sections.get('asm') ?? '', {
    resolveSymbol(symbol) {
      const [name = '', part] = symbol.split('.')
      const map = maps.get(name)
      if (map === undefined) return undefined
      return { value: BigInt(part === 'value' ? (map.elementAt?.(0) ?? 0) : map.handle) }
    },
  })
  const jit = new Jit(machine, OPTIONS[(sections.get('options') ?? '').trim()] ?? {})
  const image = jit.prepare(rawImage(machine, insns, 'test')).image()
  assert.ok(image !== undefined)
  const module = readModule(image.bytes)
  const names = functionNames(module)
  const own = module.functions.filter(({ name }) => !['run', 'repeat'].includes(name))
  const text = own.map((fn) => printFunction(fn, names).join('\n')).join('\n')
  const seen = new Map<string, string>()
  const wat = text.replace(/(i32\.const |i64\.const |offset=|_)(\d+)/g, (whole, before: string, number: string) => {
    if (Number(number) < MIB || Number(number) >= 4 * MIB) return whole
    if (!seen.has(number)) seen.set(number, `@${seen.size + 1}`)
    return `${before}${seen.get(number)}`
  })
  return { module: image.bytes, wat: `${wat}\n` }
}

for (const file of readdirSync(folder).sort()) {
  if (!file.endsWith('.case')) continue
  const of = readCase(file)
  test(`compiled code: ${of.name}`, () => {
    const { module, wat } = compile(of)
    assert.ok(WebAssembly.validate(module))
    // Every instruction of the module is one that the printer knows.
    assert.match(printModule(readModule(module)), /^\(module\n(.*\n)+\)\n$/)
    if (process.env.SKEP_UPDATE === '1') {
      const [head] = of.text.split(/^-- wat\n/m)
      writeFileSync(join(folder, file), `${head}-- wat\n${wat}`)
      return
    }
    assert.equal(wat, of.sections.get('wat'))
  })
}
