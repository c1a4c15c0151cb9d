import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { embedded } from '#src/embedded/index.js'
import { loadCollection, openObject } from '#src/sdk/index.js'
import { linuxUnavailable, openLinux } from '../support/kernels.js'
import { fixture } from '../support/paths.js'
import { chars, LoadedObject, withObject } from './support.js'

// Programs of test/fixtures/vm on both kernels: the same inputs give the same results, errnos and packets.

const skip = linuxUnavailable()

/** Sets the globals of each case, runs the program, and gives its result and all globals after. */
function runCases(
  object: LoadedObject,
  program: string,
  cases: readonly Record<string, unknown>[],
  dataIn?: Uint8Array,
): unknown[] {
  return cases.map((values) => {
    object.set(values)
    const result = object.collection.program(program).testRun(dataIn === undefined ? {} : { dataIn })
    return { case: values, retval: result.retval, data: [...result.dataOut], globals: object.globals }
  })
}

function same(name: string, program: string, cases: readonly Record<string, unknown>[], dataIn?: Uint8Array): void {
  const results = withObject(name, (object) => runCases(object, program, cases, dataIn))
  for (const [index, ours] of results.embedded.entries()) assert.deepEqual(ours, results.linux[index])
}

test('bpf_strtol and bpf_strtoul', { skip }, () => {
  const texts = [
    ...[
      '0',
      '1',
      '-1',
      '42abc',
      ' \t\n 7',
      '  -12 3',
      '-',
      '',
      ' ',
      'x',
      '0x',
      '0x1f',
      '0X1F',
      '-0x10',
      '0xg',
      '017',
      '08',
      '09',
    ],
    ...['9223372036854775807', '9223372036854775808', '-9223372036854775808', '-9223372036854775809'],
    ...['18446744073709551615', '18446744073709551616', '-0', '+5', '00x1', '0x0x1', '-  4', 'ffff', '0b11', '\u00a05'],
    '000000000000000000000000000000000000000000000000000000000000012345',
  ]
  const cases = texts.flatMap((text) =>
    [0n, 8n, 10n, 16n, 2n, 31n, 32n, 1n << 40n].map((flags) => ({
      text: chars(text, 64),
      length: Math.max(0, Math.min(63, text.length) - 1),
      flags,
    })),
  )
  same('strings', 'parse', cases)
  const lengths = [0, 1, 2, 3, 4, 5, 62, 63].map((length) => ({ text: chars('-12345', 64), length, flags: 10n }))
  same('strings', 'parse', lengths)
})

test('bpf_strncmp', { skip }, () => {
  const texts = ['kilogram', 'kilo', 'kilograms', 'kilogran', 'Kilogram', '', 'kil\u00ff', 'zulu']
  same(
    'strings',
    'compare',
    texts.flatMap((text) => [0, 3, 4, 7, 8, 9, 31].map((length) => ({ text: chars(text, 64), length }))),
  )
})

test('the string kfuncs', { skip }, () => {
  const pairs = [
    ['kilogram', 'kilogram'],
    ['kilogram', 'KiloGram'],
    ['kilo', 'kilogram'],
    ['kilogram', 'gram'],
    ['kilogram', 'm'],
    ['kilogram', ''],
    ['', 'x'],
    ['', ''],
    ['aaaaab', 'ab'],
    ['abcabcabd', 'abcabd'],
    ['hello world', 'lo wo'],
    ['\u00e4\u00f6', '\u00c4\u00d6'],
    ['mississippi', 'misp'],
  ]
  const cases = pairs.flatMap(([text = '', other = '']) =>
    [0, 3, 4, 5, 8, 9, 63, 2 ** 40].flatMap((count) =>
      ['m', 'o', 'z', '\0'].map((wanted) => ({
        text: chars(text, 64),
        other: chars(other, 64),
        count: BigInt(count),
        wanted: wanted.charCodeAt(0),
      })),
    ),
  )
  same('kfunc_strings', 'strings', cases)
  same(
    'kfunc_strings',
    'bad_strings',
    [0n, 0x10n, 0x1000n].map((address) => ({ text: chars('abc', 64), address })),
  )
})

test('bpf_loop and its limits', { skip }, () => {
  const cases = [0, 1, 2, 3, 10, 100, 1000].flatMap((count) => [0, 1, 5, 99, 5000].map((stop) => ({ count, stop })))
  same('control', 'loops', cases)
})

test('bpf_for_each_map_elem', { skip }, () => {
  same(
    'control',
    'elements',
    [0, 1, 3, 6, 7, 8, 20].map((stop) => ({ stop })),
  )
})

test('subprograms, static and global', { skip }, () => {
  same('control', 'subprograms', [
    { pattern: [1, 2, 3, 4] },
    { pattern: [0xffffffff, 0x80000000, 0x7fffffff, 0xdeadbeef] },
  ])
})

test('number iterators', { skip }, () => {
  const values = [
    0, 1, 2, 10, 50, 0x7fffffff, 0x7ffffffe, 0x80000000, 0x80000001, 0xffffffff, 0xfffffff0, 8388608, 8388609,
  ]
  const cases = values.flatMap((start) => values.map((end) => ({ pattern: [start, end, 0, 0] })))
  same('control', 'numbers', cases)
})

test('exceptions leave the program, with and without a callback', { skip }, () => {
  const cases = [0, 1, 2, 3, 4, 9].map((count) => ({ count, results: Array(16).fill(0n) }))
  same('control', 'throws', cases)
  same('control', 'throws_and_catches', cases)
})

const packet = Uint8Array.from({ length: 80 }, (_, index) =>
  index < 14 ? ([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0][index] ?? 0) : index * 7,
)

test('tail calls', { skip }, () => {
  const results = withObject('tail_calls', (object) => {
    const { collection } = object
    const programs = collection.map<number, number>('programs')
    const put = (index: number, name: string): unknown => programs.set(index, collection.program(name).fd)
    const seen: unknown[] = []
    const run = (program: string, wanted: number): void => {
      object.set({ wanted, results: Array(8).fill(0n) })
      seen.push([
        program,
        wanted,
        object.collection.program(program).testRun({ dataIn: packet }).retval,
        object.globals,
      ])
    }
    const runAll = (): void => {
      for (const program of ['again', 'entry', 'jump'])
        for (const wanted of [0, 1, 2, 3, 4, 0xffffffff]) run(program, wanted)
    }
    runAll()
    put(0, 'again')
    runAll()
    put(1, 'last')
    put(2, 'entry')
    put(3, 'jump')
    runAll()
    put(0, 'last')
    programs.delete(1)
    runAll()
    return seen
  })
  assert.deepEqual(results.embedded, results.linux)
})

const dynptrCases = [0, 1, 8, 40, 56, 60, 61, 64, 66, 79, 80, 200].flatMap((offset) =>
  [0, 4, 15, 31].flatMap((length) =>
    [
      [0, 0],
      [2, 10],
      [10, 2],
      [60, 70],
      [0, 100],
    ].map(([start, end], index) => ({
      offset,
      length,
      start,
      end,
      flags: index === 4 ? 1n : 0n,
      bytes: Array.from({ length: 64 }, (_, i) => (i + offset) & 0xff),
      copy: Array(64).fill(0xee),
      results: Array(32).fill(0n),
    })),
  ),
)

for (const program of ['local', 'bad_flags', 'packet', 'frame', 'filter']) {
  test(`dynptrs: ${program}`, { skip }, () => same('dynptr', program, dynptrCases, packet))
}

test('dynptrs: records of a ring buffer', { skip }, () => {
  const cases = [16, 64, 1000, 4080, 4088, 4096, 0x1000000].flatMap((length) =>
    [0, 1].flatMap((start) =>
      [0n, 1n, 2n, 4n].map((flags) => ({ length, start, flags, offset: 0, end: 24, results: Array(32).fill(0n) })),
    ),
  )
  same('dynptr', 'records', cases, packet)
})

const keyLists = [
  [1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n],
  [8n, 7n, 6n, 5n, 4n, 3n, 2n, 1n],
  [5n, 5n, 1n, 9n, 5n, 0n, 1n, 9n],
  [100n, 50n, 150n, 25n, 75n, 125n, 175n, 60n],
].map((keys) => ({ keys, results: Array(32).fill(0n) }))

test('lists of objects', { skip }, () => {
  same(
    'objects',
    'lists',
    keyLists.flatMap((values) => [0, 0xff, 0x55, 0x0f].map((back) => ({ ...values, back }))),
    packet,
  )
})

for (const program of ['trees', 'references', 'pointers', 'per_cpu']) {
  test(`objects: ${program}`, { skip }, () => {
    same(
      'objects',
      program,
      [...keyLists, ...keyLists].map((values, count) => ({ ...values, count })),
      packet,
    )
  })
}

test('bits of words', { skip }, () => {
  const words = [0n, 1n, 1n << 63n, 0xffff_ffff_ffff_ffffn]
  const cases = [0, 1, 2, 3, 4, 512, 5000].flatMap((count) =>
    [words, words.toReversed(), [0n, 0n, 0n, 0n]].map((list) => ({ words: list, count, results: Array(32).fill(0n) })),
  )
  same('objects', 'bits', cases)
})

test('objects that programs leave behind go with their maps and programs', () => {
  using kernel = embedded()
  const before = kernel.machine.objects.count
  const object = openObject(new Uint8Array(readFileSync(fixture('vm/objects.o'))))
  const collection = loadCollection(object, { kernel })
  collection.program('pointers').testRun({ dataIn: packet })
  collection.program('per_cpu').testRun({ dataIn: packet })
  assert.equal(kernel.machine.objects.count, before + 2)
  collection.close()
  assert.equal(kernel.machine.objects.count, before)
})

test('timers run while user space comes by, at their time', { skip }, async () => {
  const object = openObject(new Uint8Array(readFileSync(fixture('vm/timer.o'))))
  const seen: Record<string, unknown> = {}
  for (const kernel of [embedded(), openLinux()]) {
    using session = kernel
    using collection = loadCollection(object, { kernel: session })
    const loaded = new LoadedObject(collection)
    loaded.set({ delay: 1_000_000n, times: 3 })
    assert.equal(loaded.collection.program('start').testRun({ dataIn: packet }).retval, 0)
    const elements = collection.map<number, Record<string, unknown>>('elements')
    const wanted = packet.length
    const done = (): boolean => elements.get(wanted)?.['left'] === 0n
    for (let i = 0; i < 500 && !done(); i++) await new Promise((resolve) => setTimeout(resolve, 2))
    const { runs, key_seen, left } = elements.get(wanted) ?? {}
    seen[session.name] = { runs, key_seen, left, results: loaded.globals['results'] }
  }
  assert.deepEqual(seen['embedded'], seen['linux'])
  assert.equal((seen['linux'] as { runs: bigint }).runs, 3n)
})
