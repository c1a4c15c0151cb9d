import { linkedSize } from './link-program.js'
import type { MapSpec, ObjectSpec } from './types.js'

export interface DescribedMap {
  readonly name: string
  readonly type: string
  readonly keySize: number
  readonly valueSize: number
  readonly maxEntries: number
  readonly flags: number
  readonly pinning: string
  /** Where the definition comes from: '.maps', 'bpf_map_def', 'bpf_elf_map', '.data' … */
  readonly origin: string
  readonly section: string
  readonly mapExtra?: string
  readonly numaNode?: number
  readonly id?: number
  readonly inner?: DescribedMap
  readonly initial?: readonly { readonly key: number; readonly map?: string; readonly program?: string }[]
  readonly structOps?: { readonly type: string; readonly functions: Readonly<Record<string, string>> }
}

export interface DescribedProgram {
  readonly name: string
  readonly section: string
  readonly type: string
  readonly attachType: string | null
  /** Slots of the linked program, its subprograms included. */
  readonly insns: number
  readonly attachTarget?: string
  readonly sleepable?: true
  readonly frags?: true
  readonly autoload?: false
  /** The type is a guess, for this reason. */
  readonly guessed?: string
  /** Why it cannot be linked. */
  readonly problem?: string
}

export interface DescribedObject {
  readonly file: string | null
  readonly name: string
  readonly license: string
  readonly version: number
  readonly byteOrder: 'little' | 'big'
  readonly btf: boolean
  readonly programs: readonly DescribedProgram[]
  readonly maps: readonly DescribedMap[]
  readonly subprograms: readonly { readonly name: string; readonly section: string; readonly insns: number }[]
  readonly externs: readonly { readonly name: string; readonly kind: string; readonly weak: boolean }[]
  readonly variables: readonly {
    readonly name: string
    readonly map: string
    readonly offset: number
    readonly size: number
  }[]
  readonly notices: readonly string[]
}

/** An object as plain JSON values: what `skep object show --json` prints. */
export function describeObject(spec: ObjectSpec): DescribedObject {
  const entries = new Set(spec.programs.map((program) => program.function))
  return {
    file: spec.file ?? null,
    name: spec.name,
    license: spec.license,
    version: spec.version,
    byteOrder: spec.littleEndian ? 'little' : 'big',
    btf: spec.btf !== undefined,
    programs: spec.programs.map((program) => {
      const broken = spec.functions[program.function]?.references.find((reference) => reference.kind === 'broken')
      return {
        name: program.name,
        section: program.section,
        type: program.type,
        attachType: program.attachType ?? null,
        insns: linkedSize(spec, program),
        ...(program.attachTarget === undefined ? {} : { attachTarget: program.attachTarget }),
        ...(program.sleepable ? { sleepable: true as const } : {}),
        ...(program.frags ? { frags: true as const } : {}),
        ...(program.autoload ? {} : { autoload: false as const }),
        ...(program.guessed ? { guessed: program.reason ?? '' } : {}),
        ...(broken?.kind === 'broken' ? { problem: broken.reason } : {}),
      }
    }),
    maps: spec.maps.map(describeMap),
    subprograms: spec.functions
      .filter((_, index) => !entries.has(index))
      .map(({ name, section, insns }) => ({ name, section, insns: insns.length / 8 })),
    externs: spec.externs.map(({ name, kind, weak }) => ({ name, kind, weak })),
    variables: spec.variables.map(({ name, map, offset, size }) => ({ name, map, offset, size })),
    notices: spec.notices,
  }
}

function describeMap(map: MapSpec): DescribedMap {
  const { name, type, keySize, valueSize, maxEntries, flags, pinning, origin, section, structOps } = map
  return {
    name,
    type,
    keySize,
    valueSize,
    maxEntries,
    flags,
    pinning,
    origin,
    section,
    ...(map.mapExtra === 0n ? {} : { mapExtra: map.mapExtra.toString() }),
    ...(map.numaNode === undefined ? {} : { numaNode: map.numaNode }),
    ...(map.id === undefined ? {} : { id: map.id }),
    ...(map.inner === undefined ? {} : { inner: describeMap(map.inner) }),
    ...(map.initial.length === 0
      ? {}
      : { initial: map.initial.map(({ key, kind, name: target }) => ({ key, [kind]: target })) }),
    ...(structOps === undefined
      ? {}
      : {
          structOps: {
            type: structOps.typeName,
            functions: Object.fromEntries(structOps.functions.map(({ member, program }) => [member, program])),
          },
        }),
  }
}
