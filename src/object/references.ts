import { type ElfRelocation, type ElfSymbol, relocationName, SHN, STT } from '../elf/index.js'
import { getCode, getImm, getSrc, slotCount } from '../isa/index.js'
import type { PlacedMap } from './btf-maps.js'
import type { PlacedData } from './data-maps.js'
import type { FoundExterns } from './externs.js'
import type { FoundFunction, FunctionTable } from './functions.js'
import { BPF_PSEUDO_CALL, BPF_PSEUDO_FUNC, isCall, isLdImm64, isSubprogCall, SLOT } from './insn.js'
import type { Source } from './source.js'
import type { Reference } from './types.js'

/** Everything an instruction of an object may refer to. */
export interface Targets {
  readonly functions: FunctionTable
  readonly maps: readonly PlacedMap[]
  readonly data: readonly PlacedData[]
  readonly externs: FoundExterns
}

type Broken = Extract<Reference, { kind: 'broken' }>

/** Turns the relocations of a function, and its calls that need none, into symbolic references. Never throws: see 'broken'. */
export class ReferenceReader {
  readonly #source: Source
  readonly #targets: Targets
  readonly #mapAt = new Map<string, string>()
  readonly #dataAt = new Map<number, PlacedData>()
  /** Relocations by byte offset, of each code section. */
  readonly #records = new Map<number, Map<number, ElfRelocation>>()

  constructor(source: Source, targets: Targets) {
    this.#source = source
    this.#targets = targets
    for (const { map, sectionIndex, offset } of targets.maps) this.#mapAt.set(`${sectionIndex}:${offset}`, map.name)
    for (const data of targets.data) this.#dataAt.set(data.sectionIndex, data)
    for (const section of source.sections) {
      if (section.role !== 'code') continue
      const records = source.relocationsOf.get(section.index) ?? []
      this.#records.set(section.index, new Map(records.map((record) => [record.offset, record])))
    }
  }

  of(found: FoundFunction): Reference[] {
    const { insns } = found
    const records = this.#records.get(found.section.index)
    const references: Reference[] = []
    for (let slot = 0; slot < slotCount(insns); slot++) {
      const wide = isLdImm64(insns, slot)
      const byte = (found.offset + slot) * SLOT
      const record = records?.get(byte)
      if (record !== undefined) references.push(this.#relocated(found, slot, record))
      else if (isSubprogCall(insns, slot)) {
        references.push(this.#call(found, slot, found.section.index, found.offset + slot + getImm(insns, slot) + 1))
      } else if (wide && getSrc(insns, slot) === BPF_PSEUDO_FUNC) {
        references.push(broken(slot, `prog '${found.name}': missing subprog addr relo for insn #${slot}`))
      }
      // Records inside an instruction patch nothing that can be patched.
      for (let inner = 1; inner < (wide ? 2 * SLOT : SLOT); inner++) {
        if (records?.has(byte + inner)) {
          references.push(
            broken(slot, `prog '${found.name}': invalid relo at offset ${byte + inner}, inside an instruction`),
          )
        }
      }
      if (wide) slot++
    }
    return references
  }

  #relocated(found: FoundFunction, slot: number, record: ElfRelocation): Reference {
    const { insns } = found
    const symbol = this.#source.elf.symbols[record.symbol]!
    const name = this.#symbolName(symbol)
    const wide = isLdImm64(insns, slot)
    const call = isCall(insns, slot)
    if (!wide && !call) {
      const code = `0x${getCode(insns, slot).toString(16)}`
      return broken(
        slot,
        `prog '${found.name}': invalid relo against '${name}' for insns[${slot}].code ${code}`,
        `${relocationName(record.type)} patches a call or a 64-bit load only`,
      )
    }
    if (symbol.section === SHN.UNDEF) return this.#extern(found, slot, symbol, call)
    if (symbol.section === SHN.ABS || symbol.section === SHN.COMMON) {
      return broken(
        slot,
        `prog '${found.name}': invalid relo against '${name}' in special section 0x${symbol.section.toString(16)}; forgot to initialize global var?..`,
      )
    }
    if (call) {
      if (getSrc(insns, slot) !== BPF_PSEUDO_CALL)
        return broken(slot, `prog '${found.name}': incorrect bpf_call opcode`)
      // S + A in bytes; without an explicit addend, the field counts slots from the next instruction.
      const addend =
        record.addend === undefined ? (getImm(insns, slot) + 1) * SLOT : Number(BigInt.asIntN(32, record.addend))
      const target = symbol.value + addend
      if (this.#source.sections[symbol.section]?.role !== 'code') {
        return broken(
          slot,
          `prog '${found.name}': bad call relo against '${name}' in section '${this.#sectionName(symbol)}'`,
        )
      }
      if (target % SLOT !== 0) {
        return broken(slot, `prog '${found.name}': bad call relo against '${name}' at offset ${target}`)
      }
      return this.#call(found, slot, symbol.section, target / SLOT)
    }
    const addend = record.addend === undefined ? getImm(insns, slot) : Number(BigInt.asIntN(32, record.addend))
    return this.#address(found, slot, symbol, name, addend)
  }

  #address(found: FoundFunction, slot: number, symbol: ElfSymbol, name: string, addend: number): Reference {
    const target = symbol.value + addend
    const section = this.#source.sections[symbol.section]
    if (section?.role === 'code') {
      const index = target % SLOT === 0 ? this.#targets.functions.at(symbol.section, target / SLOT) : undefined
      if (index === undefined || this.#targets.functions.all[index]!.offset * SLOT !== target) {
        return broken(
          slot,
          `prog '${found.name}': bad subprog addr relo against '${name}' at offset ${symbol.value}+${addend}`,
        )
      }
      return { kind: 'func', slot, target: index }
    }
    const data = this.#dataAt.get(symbol.section)
    if (data !== undefined) return { kind: 'map_value', slot, map: data.map, offset: data.base + target }
    if (section?.role === '.maps' || section?.role === 'maps') {
      // The symbol's place names the map; a section symbol (static map) needs the addend too.
      const place = symbol.type === STT.SECTION ? target : symbol.value
      const map = this.#mapAt.get(`${symbol.section}:${place}`)
      if (map !== undefined) return { kind: 'map', slot, map }
      return broken(
        slot,
        `prog '${found.name}': map relo failed to find map for section '${section.name}', off ${place}`,
      )
    }
    return broken(
      slot,
      `prog '${found.name}': bad map relo against '${name}' in section '${this.#sectionName(symbol)}'`,
      'data can be in .data, .rodata, .bss and sections named after them with a dot',
    )
  }

  #extern(found: FoundFunction, slot: number, symbol: ElfSymbol, call: boolean): Reference {
    const index = this.#targets.externs.bySymbol.get(symbol.index)
    if (index === undefined) {
      const reason = this.#targets.externs.unknown.get(symbol.index) ?? `extern '${symbol.name}' is not declared`
      return broken(
        slot,
        `prog '${found.name}': ${reason}`,
        'a function or variable is used but not in the object: is it declared __ksym or __kconfig, or missing an inline?',
      )
    }
    const { kind, name } = this.#targets.externs.externs[index]!
    if (call !== (kind === 'kfunc') && (call || kind !== 'kfunc')) {
      return broken(slot, `prog '${found.name}': extern '${name}' is called but is no function`)
    }
    return { kind: call ? 'kfunc' : 'extern', slot, extern: index }
  }

  #call(found: FoundFunction, slot: number, sectionIndex: number, targetSlot: number): Reference {
    const target = this.#targets.functions.at(sectionIndex, targetSlot)
    if (target === undefined) {
      return broken(
        slot,
        `prog '${found.name}': no function at insn #${targetSlot} of section '${this.#source.sections[sectionIndex]?.name ?? ''}', which insn #${slot} calls`,
      )
    }
    return { kind: 'call', slot, target, delta: targetSlot - this.#targets.functions.all[target]!.offset }
  }

  #symbolName(symbol: ElfSymbol): string {
    return symbol.type === STT.SECTION || symbol.name === '' ? this.#sectionName(symbol) : symbol.name
  }

  #sectionName(symbol: ElfSymbol): string {
    return this.#source.sections[symbol.section]?.name ?? '?'
  }
}

function broken(slot: number, reason: string, hint?: string): Broken {
  return { kind: 'broken', slot, reason, hint }
}
