import type { Machine } from '../machine.js'
import type { BpfMap, LookupLayout } from '../types.js'
import { CodeWriter } from './wasm/code-writer.js'
import type { ModuleWriter } from './wasm/module-writer.js'

/** A function (key address) -> value address for a map whose look-up is described by data; undefined for others. */
export function lookupFunction(module: ModuleWriter, machine: Machine, handle: number): number | undefined {
  const map = machine.mapOf(handle)
  const layout = map?.lookupLayout
  if (map === undefined || layout === undefined || map.keySize > MAX_KEY) return undefined
  const code =
    layout.kind === 'hash'
      ? hashLookup(machine, map, layout)
      : layout.kind === 'lpm'
        ? lpmLookup(map, layout)
        : layout.kind === 'handles' && layout.visible
          ? handleLookup(map, layout)
          : undefined
  if (code === undefined) return undefined
  const index = module.declare(`lookup_${map.name === '' ? handle : map.name}`, { params: ['i32'], results: ['i32'] })
  module.define(index, code)
  return index
}

const KEY = 0
/** Longest key that is hashed and compared without a loop. */
const MAX_KEY = 64

/** Arrays of maps: the handle in the slot. */
function handleLookup(map: BpfMap, layout: LookupLayout & { kind: 'handles' }): CodeWriter {
  const code = new CodeWriter(1)
  code.get(KEY).memory('i32.load', 0).tee(KEY).i32(map.maxEntries).op('i32.lt_u').if('i32')
  code.get(KEY).i32(2).op('i32.shl').memory('i32.load', layout.slots).op('else').i32(0).op('end').op('end')
  return code
}

/** The walk of a bucket: elements are (next, hash, …, key at keyOffset, value at valueOffset). */
function hashLookup(machine: Machine, map: BpfMap, layout: LookupLayout & { kind: 'hash' }): CodeWriter {
  const code = new CodeWriter(1)
  const hash = code.local('i32')
  const element = code.local('i32')
  const { keySize } = map
  if (layout.plainHash) code.get(KEY).memory('i32.load', 0).set(hash)
  else {
    jenkins(code, keySize, layout.seed)
    code.set(hash)
  }
  code.get(hash).i32(layout.mask).op('i32.and').i32(2).op('i32.shl').memory('i32.load', layout.buckets).set(element)
  code.block().loop()
  code.get(element).op('i32.eqz').brIf(1)
  code.block()
  code.get(element).memory('i32.load', 4).get(hash).op('i32.ne').brIf(0)
  for (let at = 0; at < keySize; ) {
    const left = keySize - at
    const size = left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1
    const load = size === 8 ? 'i64.load' : size === 4 ? 'i32.load' : size === 2 ? 'i32.load16_u' : 'i32.load8_u'
    code
      .get(element)
      .memory(load, layout.keyOffset + at)
      .get(KEY)
      .memory(load, at)
    code.op(size === 8 ? 'i64.ne' : 'i32.ne').brIf(0)
    at += size
  }
  if (layout.referenceBit >= 0) code.get(element).i32(1).memory('i32.store8', layout.referenceBit)
  code.get(element).i32(layout.valueOffset).op('i32.add')
  if (layout.cpuStride !== 0 && machine.cpus > 1) {
    code.i32(machine.cpuCell).memory('i32.load', 0).i32(layout.cpuStride).op('i32.mul').op('i32.add')
  }
  if (layout.indirect) code.memory('i32.load', 0)
  code.op('return').op('end')
  code.get(element).memory('i32.load', 0).set(element).br(0)
  code.op('end').op('end').i32(0).op('end')
  return code
}

/** Pushes lookup3 of the key: see maps/jenkins-hash.ts. */
function jenkins(code: CodeWriter, keySize: number, seed: number): void {
  const [a, b, c] = [code.local('i32'), code.local('i32'), code.local('i32')]
  const load = (word: number, bytes = 4): void => {
    code.get(KEY)
    if (bytes === 4) code.memory('i32.load', word * 4)
    else if (bytes === 3) {
      code
        .memory('i32.load16_u', word * 4)
        .get(KEY)
        .memory('i32.load8_u', word * 4 + 2)
      code.i32(16).op('i32.shl').op('i32.or')
    } else code.memory(bytes === 2 ? 'i32.load16_u' : 'i32.load8_u', word * 4)
  }
  const addWord = (to: number, word: number, bytes = 4): void => {
    code.get(to)
    load(word, bytes)
    code.op('i32.add').set(to)
  }
  code
    .i32((0xdeadbeef + keySize + seed) | 0)
    .tee(a)
    .tee(b)
    .set(c)
  /** x = (x - y) ^ rotl(y, n); y += z */
  const mix = (x: number, y: number, z: number, n: number): void => {
    code.get(x).get(y).op('i32.sub').get(y).i32(n).op('i32.rotl').op('i32.xor').set(x)
    code.get(y).get(z).op('i32.add').set(y)
  }
  const words = Math.ceil(keySize / 4)
  let word = 0
  let left = words
  for (; left > 3; left -= 3, word += 3) {
    addWord(a, word)
    addWord(b, word + 1)
    addWord(c, word + 2)
    mix(a, c, b, 4)
    mix(b, a, c, 6)
    mix(c, b, a, 8)
    mix(a, c, b, 16)
    mix(b, a, c, 19)
    mix(c, b, a, 4)
  }
  const lastBytes = keySize % 4 === 0 ? 4 : keySize % 4
  for (let i = 0; i < left; i++) addWord([a, b, c][i] as number, word + i, i === left - 1 ? lastBytes : 4)
  /** x = (x ^ y) - rotl(y, n) */
  const final = (x: number, y: number, n: number): void => {
    code.get(x).get(y).op('i32.xor').get(y).i32(n).op('i32.rotl').op('i32.sub').set(x)
  }
  if (left > 0) {
    final(c, b, 14)
    final(a, c, 11)
    final(b, a, 25)
    final(c, b, 16)
    final(a, c, 4)
    final(b, a, 14)
    final(c, b, 24)
  }
  code.get(c)
}

/** The walk of a compressed trie: see maps/lpm-trie.ts. */
function lpmLookup(map: BpfMap, layout: LookupLayout & { kind: 'lpm' }): CodeWriter {
  const code = new CodeWriter(1)
  const [node, found, prefix, limit, bits, matched] = [
    code.local('i32'),
    code.local('i32'),
    code.local('i32'),
    code.local('i32'),
    code.local('i32'),
    code.local('i32'),
  ]
  const dataSize = map.keySize - 4
  code
    .get(KEY)
    .memory('i32.load', 0)
    .tee(prefix)
    .i32(dataSize * 8)
    .op('i32.gt_u')
    .if()
    .i32(0)
    .op('return')
    .op('end')
  code.i32(layout.root).memory('i32.load', 0).set(node)
  code.block().loop()
  code.get(node).op('i32.eqz').brIf(1)
  // limit = min(the node's prefix, the key's)
  code.get(node).memory('i32.load', layout.prefix).tee(bits).get(prefix)
  code.get(bits).get(prefix).op('i32.lt_u').op('select').set(limit)
  // matched: equal leading bits, at most the limit; four bytes at a time where there are four.
  code.i32(0).set(matched)
  code.block()
  for (let at = 0; at < dataSize; ) {
    const size = dataSize - at >= 4 ? 4 : 1
    code
      .get(limit)
      .i32(at * 8)
      .op('i32.le_u')
      .brIf(0)
    const load = size === 4 ? 'i32.load' : 'i32.load8_u'
    code
      .get(node)
      .memory(load, layout.data + at)
      .get(KEY)
      .memory(load, 4 + at)
      .op('i32.xor')
    if (size === 4) bigEndian(code, matched)
    else code.i32(24).op('i32.shl')
    // clz of 0 is 32: then all bits of this piece are equal.
    code
      .op('i32.clz')
      .tee(matched)
      .i32(size * 8)
      .op('i32.lt_u')
      .if()
    code
      .get(matched)
      .i32(at * 8)
      .op('i32.add')
      .set(matched)
      .br(1)
      .op('end')
    at += size
    code.i32(at * 8).set(matched)
  }
  code.op('end')
  code.get(matched).get(limit).get(matched).get(limit).op('i32.lt_u').op('select').set(matched)
  code.get(matched).get(bits).op('i32.lt_u').brIf(1)
  code.get(node).memory('i32.load', layout.joint).op('i32.eqz').if().get(node).set(found).op('end')
  code
    .get(matched)
    .i32(dataSize * 8)
    .op('i32.eq')
    .brIf(1)
  code.get(bits).get(prefix).op('i32.ge_u').brIf(1)
  // The child for the next bit of the key.
  code.get(KEY).get(bits).i32(3).op('i32.shr_u').op('i32.add').memory('i32.load8_u', 4)
  code.i32(7).get(bits).i32(7).op('i32.and').op('i32.sub').op('i32.shr_u').i32(1).op('i32.and')
  code.i32(2).op('i32.shl').get(node).op('i32.add').memory('i32.load', 0).set(node).br(0)
  code.op('end').op('end')
  code
    .get(found)
    .op('i32.eqz')
    .if('i32')
    .i32(0)
    .op('else')
    .get(found)
    .i32(layout.value)
    .op('i32.add')
    .op('end')
    .op('end')
  return code
}

/** The word on the stack with its bytes exchanged. */
function bigEndian(code: CodeWriter, scratch: number): void {
  code.tee(scratch).i32(0x00ff00ff).op('i32.and').i32(8).op('i32.rotr')
  code.get(scratch).i32(8).op('i32.rotl').i32(0x00ff00ff).op('i32.and').op('i32.or')
}
