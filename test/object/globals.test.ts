import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UsageError } from '#src/base/index.js'
import {
  applyKconfig,
  ObjectError,
  type ObjectSpec,
  readVariable,
  setVariable,
  unresolvedKconfig,
  variableBytes,
} from '#src/object/index.js'
import { found, openFixture } from './fixtures.js'

for (const name of ['globals.o', 'globals_be.o']) {
  test(`${name}: variables are read and set by their types`, () => {
    const spec = openFixture(name)
    assert.equal(readVariable(spec, 'mode'), 'MODE_COUNT')
    assert.equal(readVariable(spec, 'threshold'), 0x1122334455667788n)
    assert.deepEqual(readVariable(spec, 'limits'), { rate: 100, burst: -5, label: 'default' })
    assert.deepEqual(readVariable(spec, 'initialised'), 42)
    assert.deepEqual([...variableBytes(spec, 'table')], [1, 2, 3, 4, 5])
    assert.equal(readVariable(spec, 'hidden_away'), 7)
    assert.equal(readVariable(spec, '.data.mine/in_my_data'), 11)
    assert.equal(readVariable(spec, 'packets'), 0n)

    setVariable(spec, 'mode', 'MODE_DROP')
    setVariable(spec, 'verbose', true)
    setVariable(spec, 'threshold', 6)
    setVariable(spec, 'limits', { rate: 1, burst: 2, label: 'mine' })
    setVariable(spec, 'packets', 1n << 40n)
    setVariable(spec, 'table', Uint8Array.of(9))
    assert.equal(readVariable(spec, 'mode'), 'MODE_DROP')
    assert.equal(readVariable(spec, 'threshold'), 6n)
    assert.deepEqual(readVariable(spec, 'limits'), { rate: 1, burst: 2, label: 'mine' })
    assert.equal(readVariable(spec, 'packets'), 1n << 40n)
    assert.deepEqual([...variableBytes(spec, 'table')], [9, 2, 3, 4, 5])
    // The map's contents are what changed.
    const rodata = found(spec.maps.find((map) => map.origin === '.rodata' && map.section === '.rodata'))
    const view = new DataView(found(rodata.contents).buffer)
    assert.equal(view.getBigUint64(8, spec.littleEndian), 6n)
  })
}

test('wrong names and values are refused with what there is', () => {
  const spec = openFixture('globals.o')
  assert.throws(
    () => readVariable(spec, 'nothing'),
    (error) => error instanceof ObjectError && /it has mode, verbose/.test(error.hint ?? ''),
  )
  assert.throws(() => setVariable(spec, 'initialised', 1n << 33n), UsageError)
  assert.throws(() => setVariable(spec, 'initialised', 'text'), UsageError)
  assert.throws(() => setVariable(spec, 'initialised', new Uint8Array(5)), /has 4 bytes, not 5/)
})

test('without BTF variables are bytes, and integers of their size can be set', () => {
  const spec = openFixture('globals_nobtf.o')
  assert.deepEqual(readVariable(spec, 'initialised'), Uint8Array.of(42, 0, 0, 0))
  setVariable(spec, 'initialised', -2)
  assert.deepEqual(readVariable(spec, 'initialised'), Uint8Array.of(254, 255, 255, 255))
  setVariable(spec, 'packets', 0x0102030405060708n)
  assert.deepEqual(readVariable(spec, 'packets'), Uint8Array.of(8, 7, 6, 5, 4, 3, 2, 1))
  assert.throws(() => setVariable(spec, 'initialised', 1n << 32n), /does not fit/)
  assert.throws(() => setVariable(spec, 'limits', 3), /has no type/)
})

function kconfig(spec: ObjectSpec, name: string): number[] {
  const { offset, size } = found(found(spec.externs.find((extern) => extern.name === name)).kconfig)
  const map = found(spec.maps.find((candidate) => candidate.origin === '.kconfig'))
  return [...found(map.contents).subarray(offset, offset + size)]
}

test('.kconfig externs are laid out and filled as by libbpf', () => {
  const spec = openFixture('kconfig.o')
  assert.deepEqual(
    spec.externs.map(({ name, kconfig: place }) => [name, place?.offset, place?.kind]),
    [
      ['CONFIG_ILLEGAL_POINTER_VALUE', 0, 'int'],
      ['CONFIG_HZ', 8, 'int'],
      ['CONFIG_IPV6', 12, 'tristate'],
      ['LINUX_KERNEL_VERSION', 16, 'int'],
      ['CONFIG_MISSING', 20, 'int'],
      ['CONFIG_BPF_SYSCALL', 22, 'bool'],
      ['CONFIG_SMP', 23, 'char'],
      ['LINUX_HAS_BPF_COOKIE', 24, 'bool'],
      ['LINUX_HAS_SOMETHING_NEW', 25, 'bool'],
      ['CONFIG_DEFAULT_HOSTNAME', 26, 'string'],
    ],
  )
  assert.deepEqual(
    unresolvedKconfig(spec).map(({ name }) => name),
    ['CONFIG_HZ', 'CONFIG_IPV6', 'LINUX_KERNEL_VERSION', 'CONFIG_BPF_SYSCALL', 'CONFIG_SMP'],
  )
  applyKconfig(spec, {
    text: [
      '# CONFIG_OTHER is not set',
      'CONFIG_BPF_SYSCALL=y',
      'CONFIG_IPV6=m',
      'CONFIG_SMP=y',
      'CONFIG_HZ=250',
      'CONFIG_ILLEGAL_POINTER_VALUE=0xdead000000000000',
      'CONFIG_DEFAULT_HOSTNAME="a name that is too long"',
    ].join('\n'),
    kernelVersion: 0x06122c,
  })
  assert.deepEqual(unresolvedKconfig(spec), [])
  assert.deepEqual(kconfig(spec, 'CONFIG_IPV6'), [2, 0, 0, 0])
  assert.deepEqual(kconfig(spec, 'CONFIG_SMP'), ['y'.charCodeAt(0)])
  assert.deepEqual(kconfig(spec, 'CONFIG_HZ'), [250, 0, 0, 0])
  assert.deepEqual(kconfig(spec, 'CONFIG_ILLEGAL_POINTER_VALUE'), [0, 0, 0, 0, 0, 0, 0xad, 0xde])
  assert.deepEqual(kconfig(spec, 'LINUX_KERNEL_VERSION'), [0x2c, 0x12, 6, 0])
  assert.deepEqual(kconfig(spec, 'CONFIG_BPF_SYSCALL'), [1])
  assert.deepEqual(kconfig(spec, 'LINUX_HAS_BPF_COOKIE'), [1])
  assert.deepEqual(kconfig(spec, 'CONFIG_MISSING'), [0, 0])
  assert.equal(String.fromCharCode(...kconfig(spec, 'CONFIG_DEFAULT_HOSTNAME')), 'a name that is \0')
  applyKconfig(spec, { values: { CONFIG_HZ: 1000, CONFIG_IPV6: 'y', CONFIG_DEFAULT_HOSTNAME: 'box' } })
  assert.deepEqual(kconfig(spec, 'CONFIG_HZ'), [0xe8, 3, 0, 0])
  assert.deepEqual(kconfig(spec, 'CONFIG_IPV6'), [1, 0, 0, 0])
  assert.deepEqual(kconfig(spec, 'CONFIG_DEFAULT_HOSTNAME').slice(0, 5), [98, 111, 120, 0, 0])
})

test('a value that does not fit its extern is refused in the words of libbpf', () => {
  const set = (values: Record<string, string | number>) => () => applyKconfig(openFixture('kconfig.o'), { values })
  assert.throws(
    set({ CONFIG_BPF_SYSCALL: 'm' }),
    /extern \(kcfg\) 'CONFIG_BPF_SYSCALL': value 'm' implies tristate or char type/,
  )
  assert.throws(set({ CONFIG_HZ: 'y' }), /value 'y' implies bool, tristate, or char type/)
  assert.throws(set({ CONFIG_IPV6: 3 }), /value '3' implies integer, char, or boolean type/)
  assert.throws(set({ CONFIG_MISSING: 65536 }), /value '65536' doesn't fit in 2 bytes/)
  assert.throws(set({ CONFIG_MISSING: -1 }), /doesn't fit/)
  assert.throws(set({ CONFIG_HZ: 'abc' }), /isn't a valid integer/)
  assert.throws(set({ CONFIG_HZ: '"text"' }), /implies char array type/)
  assert.throws(set({ CONFIG_BPF_SYSCALL: 2 }), /isn't boolean compatible/)
  assert.doesNotThrow(set({ CONFIG_HZ: -5, CONFIG_SMP: 'n' }))
})
