import { FormatError } from '../base/index.js'
import { BTF_KINDS, BTF_LINKAGES, type BtfLinkage, type BtfMember, type BtfType } from './types.js'

/** What decoding one record needs: the record's bytes and the strings behind its name offsets. */
export interface TypeSource {
  readonly view: DataView
  readonly littleEndian: boolean
  name(offset: number): string
}

/** Bytes that follow the 12-byte common part, per kind number: fixed part and per-element part. */
const FIXED = [0, 4, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 4, 0, 0]
const EACH = [0, 0, 0, 0, 12, 12, 8, 0, 0, 0, 0, 0, 0, 8, 0, 12, 0, 0, 0, 12]

/** Whole size of a type record; -1 for a kind number that does not exist. */
export function recordSize(kind: number, vlen: number): number {
  const fixed = FIXED[kind]
  if (fixed === undefined || kind === 0) return -1
  return 12 + fixed + EACH[kind]! * vlen
}

function linkage(value: number, id: number, offset: number): BtfLinkage {
  const known = BTF_LINKAGES[value]
  if (known === undefined) throw new FormatError('btf', `type [${id}] has unknown linkage ${value}`, { offset })
  return known
}

/** Decodes the record at `offset` (already known to lie inside the type section). */
export function decodeType(source: TypeSource, id: number, offset: number): BtfType {
  const { view, littleEndian: le } = source
  const u32 = (at: number) => view.getUint32(offset + at, le)
  const name = source.name(u32(0))
  const info = u32(4)
  const word = u32(8) // size or type, by kind
  const kindFlag = info >>> 31 !== 0
  const vlen = info & 0xffff
  const kind = BTF_KINDS[(info >>> 24) & 0x1f]
  switch (kind) {
    case 'int': {
      const data = u32(12)
      const encoding = (data >>> 24) & 0xf
      return {
        kind,
        id,
        name,
        size: word,
        bits: data & 0xff,
        bitOffset: (data >>> 16) & 0xff,
        signed: (encoding & 1) !== 0,
        char: (encoding & 2) !== 0,
        bool: (encoding & 4) !== 0,
      }
    }
    case 'ptr':
      return { kind, id, name, type: word }
    case 'typedef':
    case 'volatile':
    case 'const':
    case 'restrict':
      return { kind, id, name, type: word }
    case 'type_tag':
      return { kind, id, name, type: word, attribute: kindFlag }
    case 'array':
      return { kind, id, name, type: u32(12), indexType: u32(16), length: u32(20) }
    case 'struct':
    case 'union': {
      const members: BtfMember[] = []
      for (let i = 0, at = 12; i < vlen; i++, at += 12) {
        const where = u32(at + 8)
        members.push({
          name: source.name(u32(at)),
          type: u32(at + 4),
          bitOffset: kindFlag ? where & 0xff_ffff : where,
          bitSize: kindFlag ? where >>> 24 : 0,
        })
      }
      return { kind, id, name, size: word, kindFlag, members }
    }
    case 'enum': {
      const values = []
      for (let i = 0, at = 12; i < vlen; i++, at += 8) {
        const value = kindFlag ? view.getInt32(offset + at + 4, le) : u32(at + 4)
        values.push({ name: source.name(u32(at)), value })
      }
      return { kind, id, name, size: word, signed: kindFlag, values }
    }
    case 'enum64': {
      const values = []
      for (let i = 0, at = 12; i < vlen; i++, at += 12) {
        const value = (BigInt(u32(at + 8)) << 32n) | BigInt(u32(at + 4))
        values.push({ name: source.name(u32(at)), value: kindFlag ? BigInt.asIntN(64, value) : value })
      }
      return { kind, id, name, size: word, signed: kindFlag, values }
    }
    case 'fwd':
      return { kind, id, name, union: kindFlag }
    case 'func':
      return { kind, id, name, type: word, linkage: linkage(vlen, id, offset) }
    case 'func_proto': {
      const params = []
      for (let i = 0, at = 12; i < vlen; i++, at += 8) {
        params.push({ name: source.name(u32(at)), type: u32(at + 4) })
      }
      return { kind, id, name, type: word, params }
    }
    case 'var':
      return { kind, id, name, type: word, linkage: linkage(u32(12), id, offset) }
    case 'datasec': {
      const vars = []
      for (let i = 0, at = 12; i < vlen; i++, at += 12) {
        vars.push({ type: u32(at), offset: u32(at + 4), size: u32(at + 8) })
      }
      return { kind, id, name, size: word, vars }
    }
    case 'float':
      return { kind, id, name, size: word }
    case 'decl_tag':
      return { kind, id, name, type: word, componentIdx: view.getInt32(offset + 12, le), attribute: kindFlag }
    default:
      throw new FormatError('btf', `type [${id}] has unknown kind ${(info >>> 24) & 0x1f}`, { offset })
  }
}
