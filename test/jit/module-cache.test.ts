import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assemble } from '#src/isa/index.js'
import { createMap, MAP_TYPE } from '#src/maps/index.js'
import { type BpfMap, Jit, type JitOptions, Machine, type ProgramImage, rawImage } from '#src/vm/index.js'

/** Modules that `action` has the host compile. */
function compiled(action: () => void): number {
  const { Module } = WebAssembly
  let count = 0
  class Counted extends Module {
    constructor(bytes: Uint8Array) {
      super(bytes)
      count++
    }
  }
  WebAssembly.Module = Counted as typeof Module
  try {
    action()
  } finally {
    WebAssembly.Module = Module
  }
  return count
}

function makeMap(machine: Machine): BpfMap {
  const map = createMap(machine, { type: MAP_TYPE.ARRAY, keySize: 4, valueSize: 8, maxEntries: 4, flags: 0 })
  assert.ok(typeof map === 'object')
  return map
}

/** r0 = first word of the map's element 1. */
function imageOf(machine: Machine, map: BpfMap, name = 'read'): ProgramImage {
  const insns = assemble(
    '*(u32 *)(r10 - 4) = 1\nr1 = 0 ll\nr2 = r10\nr2 += -4\ncall bpf_map_lookup_elem\nif r0 == 0 goto out\nr0 = *(u32 *)(r0 + 0)\nout: exit',
  )
  return { ...rawImage(machine, insns, name), refs: new Map([[1, BigInt(map.handle)]]) }
}

function run(machine: Machine, jit: Jit, image: ProgramImage): number {
  const program = machine.install(image, jit)
  program.runner.run(0)
  machine.uninstall(program)
  return machine.r0lo
}

test('a program that is loaded again with the same maps is not compiled again', () => {
  const machine = new Machine()
  const jit = new Jit(machine)
  const map = makeMap(machine)
  machine.memory.u32[(map.elementAt?.(1) ?? 0) >>> 2] = 7
  assert.equal(run(machine, jit, imageOf(machine, map)), 7)
  assert.equal(
    compiled(() => assert.equal(run(machine, jit, imageOf(machine, map)), 7)),
    0,
  )
  assert.equal(
    compiled(() => run(machine, jit, imageOf(machine, map, 'another'))),
    1,
  )
})

test('a map that came where another one was has code of its own', () => {
  const machine = new Machine()
  const jit = new Jit(machine)
  const first = makeMap(machine)
  run(machine, jit, imageOf(machine, first))
  const { handle } = first
  first.free()
  // The larger one has another place for its values and, perhaps, the same handle.
  const next = createMap(machine, { type: MAP_TYPE.ARRAY, keySize: 4, valueSize: 4096, maxEntries: 4, flags: 0 })
  assert.ok(typeof next === 'object')
  assert.equal(next.handle, handle)
  machine.memory.u32[(next.elementAt?.(1) ?? 0) >>> 2] = 9
  assert.equal(run(machine, jit, imageOf(machine, next)), 9)
})

test('blinded code is different each time', () => {
  const options: JitOptions = { blinded: () => true }
  const machine = new Machine()
  const jit = new Jit(machine, options)
  const map = makeMap(machine)
  run(machine, jit, imageOf(machine, map))
  assert.equal(
    compiled(() => run(machine, jit, imageOf(machine, map))),
    1,
  )
})
