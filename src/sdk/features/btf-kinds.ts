import { BtfBuilder, type NewBtfType } from '../../btf/index.js'
import type { Kernel } from '../../kernel/index.js'
import { type Availability, availability, tryOut } from './attempt.js'

const INT: NewBtfType = {
  kind: 'int',
  name: 'int',
  size: 4,
  bits: 32,
  bitOffset: 0,
  signed: true,
  char: false,
  bool: false,
}
const PROTO: NewBtfType = { kind: 'func_proto', name: '', type: 1, params: [] }

/** Types whose presence in loadable BTF came kernel by kernel; type 1 is `int`. */
const SAMPLES = {
  func: [PROTO, { kind: 'func', name: 'f', type: 2, linkage: 'static' }],
  global_func: [PROTO, { kind: 'func', name: 'f', type: 2, linkage: 'global' }],
  var_datasec: [
    { kind: 'var', name: 'v', type: 1, linkage: 'static' },
    { kind: 'datasec', name: '.bss', size: 4, vars: [{ type: 2, offset: 0, size: 4 }] },
  ],
  float: [{ kind: 'float', name: 'float', size: 4 }],
  decl_tag: [
    { kind: 'var', name: 'v', type: 1, linkage: 'static' },
    { kind: 'decl_tag', name: 'tag', type: 2, componentIdx: -1, attribute: false },
  ],
  type_tag: [
    { kind: 'type_tag', name: 'tag', type: 1, attribute: false },
    { kind: 'ptr', name: '', type: 2 },
  ],
  enum64: [{ kind: 'enum64', name: 'e', size: 8, signed: false, values: [{ name: 'E', value: 1n << 40n }] }],
} as const satisfies Record<string, readonly NewBtfType[]>

export type BtfFeature = keyof typeof SAMPLES

/** Whether the kernel takes BTF with types of a kind. */
export function probeBtfKind(kernel: Kernel, kind: BtfFeature): Availability {
  const builder = new BtfBuilder()
  for (const type of [INT, ...SAMPLES[kind]]) builder.add(type)
  return availability(tryOut(kernel, () => kernel.call('btf_load', { btf: builder.build() }).fd))
}

export function probeBtfKinds(kernel: Kernel): Record<BtfFeature, Availability> {
  const kinds = Object.keys(SAMPLES) as BtfFeature[]
  return Object.fromEntries(kinds.map((kind) => [kind, probeBtfKind(kernel, kind)])) as Record<BtfFeature, Availability>
}
