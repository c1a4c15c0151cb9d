import { toHex } from '../../../base/index.js'
import { decodeInsns, formatKernelInsn } from '../../../isa/index.js'
import type { Kernel, ProgInfo } from '../../../kernel/index.js'
import {
  functionNames,
  insnText,
  PLACES_SECTION,
  printFunction,
  readModule,
  readPlaces,
  readSource,
  SOURCE_SECTION,
  type WasmFunctionText,
  type WasmInsn,
} from '../../../vm/index.js'
import { lineJson, lineText, namesOf, type Places, placesOf, records, type SourceLine } from './places.js'

interface Options {
  readonly opcodes: boolean
  readonly linum: boolean
}

/** What a dump prints: JSON or text. */
interface Dumped {
  readonly json: unknown
  readonly text: string
}

/**
 * What the kernel's compiler made of a program. On the embedded kernel that is WebAssembly text, with the BPF instruction and the source
 * line each piece comes from; of Linux's machine code the bytes.
 */
export function jitedText(kernel: Kernel, info: ProgInfo, image: Uint8Array, options: Options): Dumped {
  const wasm = image[0] === 0 && image[1] === 0x61
  return wasm ? dumpWasm(kernel, info, image, options) : dumpMachineCode(kernel, info, image, options)
}

/** What stands before an instruction of the module. */
interface Before {
  readonly line: SourceLine | undefined
  readonly bpf: string
}

function dumpWasm(kernel: Kernel, told: ProgInfo, image: Uint8Array, { opcodes, linum }: Options): Dumped {
  const module = readModule(image)
  const info = asCompiled(told, module.custom.get(SOURCE_SECTION))
  const places = placesOf(kernel, info)
  const before = beforeInsns(kernel, info, places, module.custom.get(PLACES_SECTION))
  const names = functionNames(module)
  const starts = info.jitedKsyms.map((address) => Number(address & 0xfffffn))
  const own = (fn: WasmFunctionText): number => starts.indexOf(fn.start)
  // The program's functions first, then what the compiler added: look-ups, and the ways in.
  const functions = [...module.functions].sort((a, b) => (own(a) >>> 0) - (own(b) >>> 0))
  const heads = [...places.functions.values()].map(({ head }) => head)
  const headOf = (fn: WasmFunctionText): string[] => (heads[own(fn)] === undefined ? [] : [`;; ${heads[own(fn)]}`])
  const comments = (insn: WasmInsn): string[] => {
    const found = before.get(insn.offset)
    const bytes = opcodes ? [`;; ${spaced(image.subarray(insn.offset, insn.offset + insn.length))}`] : []
    if (found === undefined) return bytes
    return [...(found.line === undefined ? [] : [`;${lineText(found.line, linum)}`]), `;; ${found.bpf}`, ...bytes]
  }
  return {
    json: functions.map((fn) => ({
      name: names[fn.index]?.slice(1) ?? '',
      ...(heads[own(fn)] === undefined ? {} : { proto: heads[own(fn)] }),
      ...(info.jitedKsyms[own(fn)] === undefined ? {} : { ksym: `0x${info.jitedKsyms[own(fn)]?.toString(16)}` }),
      insns: fn.insns.map((insn) => {
        const found = before.get(insn.offset)
        return {
          ...lineJson(found?.line, linum),
          ...(found === undefined ? {} : { bpf: found.bpf }),
          pc: `0x${(insn.offset - fn.start).toString(16)}`,
          operation: insnText(insn, names),
          ...(opcodes ? { opcodes: hexBytes(image.subarray(insn.offset, insn.offset + insn.length)) } : {}),
        }
      }),
    })),
    text: functions
      .map((fn) => {
        const ksym = info.jitedKsyms[own(fn)]
        const place =
          ksym === undefined
            ? []
            : [`;; ${names[fn.index]?.slice(1)} at 0x${ksym.toString(16)}, ${fn.end - fn.start} bytes`]
        return [...headOf(fn), ...place, ...printFunction(fn, names, { before: comments })].join('\n')
      })
      .join('\n\n'),
  }
}

/** Instructions and records as they were compiled, not as they were translated. */
function asCompiled(info: ProgInfo, section: Uint8Array | undefined): ProgInfo {
  if (section === undefined) return info
  const [insns, funcInfo, lineInfo] = readSource(section)
  const given = (part: Uint8Array | undefined) => (part === undefined || part.length === 0 ? undefined : part)
  return { ...info, xlatedProgInsns: given(insns), funcInfo: given(funcInfo), lineInfo: given(lineInfo) }
}

/** Source lines and BPF instructions by the offset where their code begins. */
function beforeInsns(
  kernel: Kernel,
  info: ProgInfo,
  places: Places,
  section: Uint8Array | undefined,
): Map<number, Before> {
  const insns = decodeInsns(info.xlatedProgInsns ?? new Uint8Array())
  const names = namesOf(kernel, info, places, insns)
  const bySlot = new Map(insns.map((insn) => [insn.pc, insn]))
  const found = new Map<number, Before>()
  const shown = new Set<number>()
  for (const [offset, slot] of section === undefined ? [] : readPlaces(section)) {
    const insn = bySlot.get(slot)
    if (insn === undefined) continue
    const line = shown.has(slot) ? undefined : places.lines.get(slot)
    shown.add(slot)
    found.set(offset, { line, bpf: `${slot}: ${formatKernelInsn(insn, names)}` })
  }
  return found
}

/** Machine code of Linux's compiler: the bytes, by function and source line. */
function dumpMachineCode(kernel: Kernel, info: ProgInfo, image: Uint8Array, { linum }: Options): Dumped {
  const places = placesOf(kernel, info)
  const lines = linesByAddress(info, places)
  const heads = [...places.functions.values()]
  const functions: {
    name: string
    head: string | undefined
    rows: { pc: number; line: SourceLine | undefined; bytes: Uint8Array }[]
  }[] = []
  let at = 0
  const lengths = info.jitedFuncLens.length > 0 ? info.jitedFuncLens : [image.length]
  lengths.forEach((length, index) => {
    const code = image.subarray(at, at + length)
    const ksym = info.jitedKsyms[index]
    const cuts = [0]
    for (let pc = 1; pc < length; pc++) {
      if ((pc - (cuts.at(-1) as number)) % 16 === 0 || (ksym !== undefined && lines.has(ksym + BigInt(pc))))
        cuts.push(pc)
    }
    const tag = info.progTags[index] ?? info.tag
    functions.push({
      name: `bpf_prog_${toHex(tag)}_${heads[index]?.name ?? info.name}`,
      head: heads[index]?.head,
      rows: cuts.map((pc, i) => ({
        pc,
        line: ksym === undefined ? undefined : lines.get(ksym + BigInt(pc)),
        bytes: code.subarray(pc, cuts[i + 1] ?? length),
      })),
    })
    at += length
  })
  return {
    json: functions.map(({ name, head, rows }) => ({
      ...(head === undefined ? {} : { proto: head }),
      name,
      insns: rows.map(({ pc, line, bytes }) => ({
        ...lineJson(line, linum),
        pc: `0x${pc.toString(16)}`,
        opcodes: hexBytes(bytes),
      })),
    })),
    text: functions
      .map(({ name, head, rows }) =>
        [
          ...(head === undefined ? [] : [`${head}:`]),
          `${name}:`,
          ...rows.flatMap(({ pc, line, bytes }) => [
            ...(line === undefined ? [] : [lineText(line, linum)]),
            `${pc.toString(16).padStart(4)}:\t${spaced(bytes)}`,
          ]),
        ].join('\n'),
      )
      .join('\n\n'),
  }
}

function linesByAddress(info: ProgInfo, places: Places): Map<bigint, SourceLine> {
  const found = new Map<bigint, SourceLine>()
  if (info.lineInfo === undefined) return found
  for (const [index, record] of records(info.lineInfo, info.lineInfoRecSize).entries()) {
    const address = info.jitedLineInfo[index]
    const line = places.lines.get(record.getUint32(0, true))
    if (address !== undefined && line !== undefined) found.set(address, line)
  }
  return found
}

function spaced(bytes: Uint8Array): string {
  return toHex(bytes).replace(/..(?=.)/g, '$& ')
}

function hexBytes(bytes: Uint8Array): string[] {
  return [...bytes].map((byte) => `0x${byte.toString(16).padStart(2, '0')}`)
}
