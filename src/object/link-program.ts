import { applyCoreRelo, type Btf, type CoreCandidate, type CoreReloKind } from '../btf/index.js'
import { setImm, setOff, setSrc } from '../isa/index.js'
import {
  BPF_PSEUDO_BTF_ID,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_VALUE,
  SLOT,
} from './insn.js'
import { asObjectError, ObjectError } from './object-error.js'
import { coreResults, objectBtf, objectBtfExt } from './parsed.js'
import type { FunctionSpec, ObjectSpec, ProgramSpec, Reference } from './types.js'

/** What is left to fill in when the program is loaded. The pseudo source register is already set. */
export type Fixup =
  /** ld_imm64: imm becomes the map's descriptor. */
  | { readonly kind: 'map_fd'; readonly slot: number; readonly map: string }
  /** ld_imm64: imm becomes the map's descriptor; the next slot's imm is `offset` already. */
  | { readonly kind: 'map_value'; readonly slot: number; readonly map: string; readonly offset: number }
  /** ld_imm64 of a kernel symbol's address (typeId 0), or of a typed one (its BTF id, and its BTF object's descriptor next). */
  | { readonly kind: 'ksym'; readonly slot: number; readonly extern: number; readonly name: string }
  /** Call of a kfunc: imm becomes its BTF id, off the index of its module in fd_array. */
  | { readonly kind: 'kfunc'; readonly slot: number; readonly extern: number; readonly name: string }

/** Where a function lies in the linked program. */
export interface LinkedFunction {
  readonly name: string
  /** First slot. */
  readonly start: number
  /** Slots. */
  readonly length: number
  /** Index in ObjectSpec.functions. */
  readonly function: number
}

export interface LinkedLine {
  /** Slot. */
  readonly insnOff: number
  readonly fileNameOff: number
  readonly lineOff: number
  readonly fileName: string
  readonly text: string
  readonly line: number
  readonly column: number
}

/** What became of one CO-RE relocation. */
export interface CoreOutcome {
  readonly slot: number
  readonly kind: CoreReloKind
  /** The access as C. */
  readonly access: string
  /** libbpf's form of it. */
  readonly spec: string
  /** Poisoned: the instruction is an invalid call now; harmless if the verifier never reaches it. */
  readonly done: 'patched' | 'poisoned'
  /** Why it is poisoned, and what was tried. */
  readonly reason: string | undefined
  readonly candidates: readonly CoreCandidate[]
}

export interface LinkedProgram {
  readonly name: string
  /** Little-endian instructions of the program and, behind it, every subprogram it needs. */
  readonly insns: Uint8Array
  readonly fixups: readonly Fixup[]
  readonly functions: readonly LinkedFunction[]
  /** For BPF_PROG_LOAD: slots and BTF ids. Empty where the object has none for this program. */
  readonly funcInfo: readonly { readonly insnOff: number; readonly typeId: number }[]
  readonly lineInfo: readonly LinkedLine[]
  readonly core: readonly CoreOutcome[]
  /** CO-RE records that were left as compiled because no target was given. */
  readonly coreSkipped: number
}

export interface LinkOptions {
  /**
   * BTF to apply CO-RE relocations against: the kernel's, then its modules'. Without any, instructions keep the layout
   * they were compiled for.
   */
  readonly targets?: readonly Btf[]
}

/** The program's spec. Throws ObjectError naming those there are. */
export function programNamed(spec: ObjectSpec, name: string): ProgramSpec {
  const program = spec.programs.find((candidate) => candidate.name === name)
  if (program !== undefined) return program
  const names = spec.programs.map((candidate) => candidate.name)
  throw new ObjectError(`no program named '${name}'`, {
    file: spec.file,
    symbol: name,
    hint: names.length === 0 ? 'the object has no programs' : `it has ${names.slice(0, 20).join(', ')}`,
  })
}

/**
 * Makes a program ready to load: appends the subprograms it needs in libbpf's order (each behind the first one that calls
 * it, depth first), points calls and callbacks at them, applies CO-RE, slices function and line records. What only the
 * kernel knows stays symbolic in `fixups`.
 * @throws ObjectError for a reference that cannot be linked or a CO-RE relocation that cannot be applied.
 */
export function linkProgram(spec: ObjectSpec, programName: string, options: LinkOptions = {}): LinkedProgram {
  const program = programNamed(spec, programName)
  const functions = layOut(spec, program.function)
  const total = functions.reduce((sum, { length }) => sum + length, 0)
  const insns = new Uint8Array(total * SLOT)
  const starts = new Map<number, number>()
  for (const { function: index, start } of functions) {
    insns.set(functionAt(spec, index).insns, start * SLOT)
    starts.set(index, start)
  }
  const fixups: Fixup[] = []
  for (const { function: index, start } of functions) {
    const { references, section } = functionAt(spec, index)
    for (const reference of references) {
      if (reference.kind === 'broken') {
        throw new ObjectError(reference.reason, { file: spec.file, section, symbol: programName, hint: reference.hint })
      }
      const fixup = patchReference(spec, insns, start, starts, reference)
      if (fixup !== undefined) fixups.push(fixup)
    }
  }
  return asObjectError(spec.file, () => {
    const { core, coreSkipped } = applyCore(spec, program, functions, insns, options.targets ?? [])
    const { funcInfo, lineInfo } = sliceInfo(spec, functions)
    return { name: program.name, insns, fixups, functions, funcInfo, lineInfo, core, coreSkipped }
  })
}

/** Number of slots of the linked program: what linkProgram() gives, without making it. */
export function linkedSize(spec: ObjectSpec, program: ProgramSpec): number {
  return layOut(spec, program.function).reduce((sum, { length }) => sum + length, 0)
}

function functionAt(spec: ObjectSpec, index: number): FunctionSpec {
  const found = spec.functions[index]
  if (found === undefined) throw new ObjectError(`function ${index} is missing from the spec`, { file: spec.file })
  return found
}

/** The functions a program needs and where they go: depth first, in the order of the instructions that need them. */
function layOut(spec: ObjectSpec, main: number): LinkedFunction[] {
  const placed: LinkedFunction[] = []
  const seen = new Set<number>()
  let end = 0
  const place = (index: number) => {
    seen.add(index)
    const { name, insns } = functionAt(spec, index)
    placed.push({ name, start: end, length: insns.length / SLOT, function: index })
    end += insns.length / SLOT
  }
  const visit = (root: number) => {
    // Its own stack: a chain of calls may be as long as the object has functions.
    const stack = [{ references: needs(functionAt(spec, root)), next: 0 }]
    place(root)
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const target = top.references[top.next++]
      if (target === undefined) stack.pop()
      else if (!seen.has(target)) {
        place(target)
        stack.push({ references: needs(functionAt(spec, target)), next: 0 })
      }
    }
  }
  visit(main)
  const callback = functionAt(spec, main).exceptionCallback
  if (callback !== undefined && !seen.has(callback)) visit(callback)
  return placed
}

function needs({ references }: FunctionSpec): number[] {
  const targets: number[] = []
  for (const reference of references) {
    if (reference.kind === 'call' || reference.kind === 'func') targets.push(reference.target)
  }
  return targets
}

function patchReference(
  spec: ObjectSpec,
  insns: Uint8Array,
  start: number,
  starts: ReadonlyMap<number, number>,
  reference: Exclude<Reference, { kind: 'broken' }>,
): Fixup | undefined {
  const slot = start + reference.slot
  const wide = (source: number, low: number, high: number) => {
    setSrc(insns, slot, source)
    setImm(insns, slot, low)
    setImm(insns, slot + 1, high)
  }
  switch (reference.kind) {
    case 'call':
      setImm(insns, slot, (starts.get(reference.target) ?? 0) + reference.delta - slot - 1)
      return undefined
    case 'func':
      wide(BPF_PSEUDO_FUNC, (starts.get(reference.target) ?? 0) - slot - 1, 0)
      return undefined
    case 'map':
      wide(BPF_PSEUDO_MAP_FD, 0, 0)
      return { kind: 'map_fd', slot, map: reference.map }
    case 'map_value':
      wide(BPF_PSEUDO_MAP_VALUE, 0, reference.offset)
      return { kind: 'map_value', slot, map: reference.map, offset: reference.offset }
    case 'kfunc': {
      const { name } = spec.externs[reference.extern]!
      setSrc(insns, slot, BPF_PSEUDO_KFUNC_CALL)
      setOff(insns, slot, 0)
      setImm(insns, slot, 0)
      return { kind: 'kfunc', slot, extern: reference.extern, name }
    }
    case 'extern': {
      const { name, kconfig, typeId } = spec.externs[reference.extern]!
      if (kconfig === undefined) {
        wide(typeId === 0 ? 0 : BPF_PSEUDO_BTF_ID, 0, 0)
        return { kind: 'ksym', slot, extern: reference.extern, name }
      }
      const map = spec.maps.find((candidate) => candidate.origin === '.kconfig')
      wide(BPF_PSEUDO_MAP_VALUE, 0, kconfig.offset)
      return { kind: 'map_value', slot, map: map?.name ?? '.kconfig', offset: kconfig.offset }
    }
  }
}

function applyCore(
  spec: ObjectSpec,
  program: ProgramSpec,
  functions: readonly LinkedFunction[],
  insns: Uint8Array,
  targets: readonly Btf[],
): { core: CoreOutcome[]; coreSkipped: number } {
  const ext = objectBtfExt(spec)
  if (ext === undefined || ext.coreRelos.length === 0) return { core: [], coreSkipped: 0 }
  const within = inFunctions(spec, functions)
  if (targets.length === 0) {
    let coreSkipped = 0
    for (const { section, records } of ext.coreRelos) {
      for (const { insnOff } of records) if (within(section, insnOff) !== undefined) coreSkipped++
    }
    return { core: [], coreSkipped }
  }
  const core: CoreOutcome[] = []
  for (const [section, relos] of coreResults(spec, targets)) {
    for (const { relo, result } of relos) {
      const slot = within(section, relo.insnOff)
      if (slot === undefined) continue
      const { kind, access, spec: text } = result
      const patch = applyCoreRelo(insns, slot * SLOT, result)
      const candidates = result.ok ? [] : result.candidates
      if (patch.done === 'refused') {
        const tried = candidates.map((candidate) => `${candidate.type}: ${candidate.why}`).join('; ')
        throw new ObjectError(
          `prog '${program.name}': failed to perform CO-RE relocation of insn #${slot}, ${text}: ${patch.reason}` +
            (tried === '' ? '' : ` (tried ${tried})`),
          { file: spec.file, section, symbol: program.name, hint: result.ok ? undefined : result.hint },
        )
      }
      const reason = patch.done === 'poisoned' ? patch.reason : undefined
      core.push({ slot, kind, access, spec: text, done: patch.done, reason, candidates })
    }
  }
  return { core, coreSkipped: 0 }
}

type Within = (section: string, byteOffset: number) => number | undefined

/** Maps a byte of an ELF section to the slot of the linked program it went to. */
function inFunctions(spec: ObjectSpec, functions: readonly LinkedFunction[]): Within {
  const bySection = new Map<string, { from: number; to: number; start: number }[]>()
  for (const { function: index, start, length } of functions) {
    const { section, offset } = functionAt(spec, index)
    const list = bySection.get(section) ?? []
    list.push({ from: offset, to: offset + length, start })
    bySection.set(section, list)
  }
  for (const list of bySection.values()) list.sort((a, b) => a.from - b.from)
  return (section, byteOffset) => {
    const list = bySection.get(section)
    if (list === undefined || byteOffset % SLOT !== 0) return undefined
    const slot = byteOffset / SLOT
    let low = 0
    let high = list.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (list[middle]!.from <= slot) low = middle + 1
      else high = middle
    }
    const range = list[low - 1]
    return range !== undefined && slot < range.to ? range.start + slot - range.from : undefined
  }
}

/**
 * Function and line records of the linked functions. As in libbpf, without records for the program's own entry there are
 * none at all, and a subprogram without function records is an error.
 */
function sliceInfo(
  spec: ObjectSpec,
  functions: readonly LinkedFunction[],
): Pick<LinkedProgram, 'funcInfo' | 'lineInfo'> {
  const ext = objectBtfExt(spec)
  if (ext === undefined || objectBtf(spec) === undefined) return { funcInfo: [], lineInfo: [] }
  const within = inFunctions(spec, functions)
  const funcInfo: { insnOff: number; typeId: number }[] = []
  for (const { section, records } of ext.funcInfo) {
    for (const { insnOff: offset, typeId } of records) {
      const insnOff = within(section, offset)
      if (insnOff !== undefined) funcInfo.push({ insnOff, typeId })
    }
  }
  const lineInfo: LinkedLine[] = []
  for (const { section, records } of ext.lineInfo) {
    for (const record of records) {
      const insnOff = within(section, record.insnOff)
      if (insnOff !== undefined) lineInfo.push({ ...record, insnOff })
    }
  }
  funcInfo.sort((a, b) => a.insnOff - b.insnOff)
  lineInfo.sort((a, b) => a.insnOff - b.insnOff)
  const starts = new Set(funcInfo.map(({ insnOff }) => insnOff))
  const hasMain = starts.has(0)
  const missing = functions.find(({ start }) => !starts.has(start))
  if (hasMain && missing !== undefined) {
    throw new ObjectError(`prog '${missing.name}': missing .BTF.ext function info.`, {
      file: spec.file,
      symbol: missing.name,
      hint: 'compile all parts of the object with -g, or strip its BTF',
    })
  }
  return { funcInfo: hasMain ? funcInfo : [], lineInfo: lineInfo[0]?.insnOff === 0 ? lineInfo : [] }
}
