import { decodeInsns, type Insn } from '../../isa/index.js'
import { bpf_map_type, bpf_prog_type, helperById } from '../../spec/index.js'
import type { Callable, CallTable } from '../calls.js'
import type { Machine } from '../machine.js'
import type { MapFunctions, ProgramImage } from '../types.js'
import { type FunctionType, ModuleWriter } from '../wasm/module-writer.js'
import { type Cells, MAX_FRAMES } from './cells.js'
import { functionTarget, jumpTarget, listing } from './control-flow.js'
import { writeBurst, writeCall, writeRepeat, writeRun } from './drivers.js'
import type { CallSite, HostFunction, ModuleContext } from './emitter.js'
import { compileFunction, type FunctionCode } from './function.js'
import type { ImageFunction } from './image.js'
import { writePrandom } from './intrinsics.js'
import { MAP_FUNCTIONS } from './map-functions.js'
import { lookupFunction } from './map-lookup.js'

export interface CompileOptions {
  readonly machine: Machine
  readonly calls: CallTable
  readonly cells: Cells
  /** See ModuleContext. */
  readonly checked: boolean
  /** Count instructions at loops. */
  readonly counted: boolean
  readonly blind: (() => number) | undefined
  readonly tailCalls: boolean
  /** Number of the program in names. */
  readonly id: number
}

/** What a module imports by a name: a function of the host, or a helper or kfunc. */
export interface Import {
  readonly name: string
  readonly host?: HostFunction
  readonly callable?: Callable
  /** A function of a map. */
  readonly map?: { readonly handle: number; readonly name: keyof MapFunctions }
}

export interface CompiledModule {
  readonly bytes: Uint8Array
  readonly imports: readonly Import[]
  readonly usesTable: boolean
  /** The run must keep count of instructions or tail calls, or may run callbacks. */
  readonly managed: boolean
  /** Subprograms the host may call, exported as `call` and their slot. */
  readonly callable: readonly number[]
  /** Byte offsets in the module where instructions begin, rising, and their slots. */
  readonly offsets: Uint32Array
  readonly slots: Uint32Array
  /** The program's own functions in the module, the main one first. */
  readonly functions: readonly ImageFunction[]
}

/** (r1, frame) -> r0: what tail calls reach. */
export const ENTRY: FunctionType = { params: ['i64', 'i32'], results: ['i64'] }
const SUBPROGRAM: FunctionType = { params: ['i64', 'i64', 'i64', 'i64', 'i64', 'i32'], results: ['i64'] }

const HOST: Record<HostFunction, FunctionType> = {
  fault: { params: ['i32', 'i32', 'i32'], results: [] },
  exhausted: { params: ['i32'], results: [] },
  fail: { params: ['i32', 'i32'], results: [] },
  loadPacket: { params: ['i32', 'i32', 'i32'], results: ['f64'] },
  tailCall: { params: ['i32', 'i32'], results: ['i32'] },
  callRegister: { params: ['i32', 'i32'], results: [] },
}
const TAIL_CALL = 12
const RINGBUF = bpf_map_type.BPF_MAP_TYPE_RINGBUF
/** Only these take bursts of packets. */
const XDP = bpf_prog_type.BPF_PROG_TYPE_XDP

/**
 * Compiles a program whose instructions the decoder has accepted. With `only`, a module that has just the subprogram at
 * that slot to call.
 */
export function compileProgram(image: ProgramImage, options: CompileOptions, only?: number): CompiledModule {
  const insns = decodeInsns(image.insns)
  const list = listing(insns, image.insns.length / 8)
  const module = new ModuleWriter()
  const { cells } = options
  const entryType = module.type(ENTRY)
  const hasTailCalls = insns.some(isTailCall)
  if (hasTailCalls) module.importTable()
  const imports: Import[] = []
  const hosts = new Map<HostFunction, number>()
  for (const host of Object.keys(HOST) as HostFunction[]) {
    hosts.set(host, module.import(host, HOST[host]))
    imports.push({ name: host, host })
  }
  const sites = callSites(image, insns, options.calls, module, imports)
  const mapFunctions = importMapFunctions(image, insns, options.machine, module, imports)
  const reenters = [...sites.values()].some((site) => site.reenters) || insns.some((insn) => insn.op?.kind === 'callx')
  const jumpsBack = insns.some((insn) => (jumpTarget(insn) ?? insn.pc + 1) <= insn.pc)
  const managed = jumpsBack || reenters || hasTailCalls

  const starts = new Set<number>()
  const pointed = new Set<number>(only === undefined ? [] : [only])
  for (const insn of insns) {
    const target = functionTarget(insn)
    if (target === undefined) continue
    starts.add(target)
    if (insn.op?.name === 'ld_func' && only === undefined) pointed.add(target)
  }
  if (image.exceptionCallback !== undefined && only === undefined) pointed.add(image.exceptionCallback)
  for (const slot of pointed) starts.add(slot)
  const prefix = `bpf_prog_${options.id}_${image.name === '' ? 'unnamed' : image.name}`
  const entry = only === undefined ? module.declare(prefix, ENTRY) : -1
  const functions = new Map([...starts].map((slot) => [slot, module.declare(`${prefix}_${slot}`, SUBPROGRAM)]))
  let prandom: number | undefined
  const lookups = new Map<number, number | undefined>()
  const context: ModuleContext = {
    machine: options.machine,
    image,
    cells,
    checked: options.checked,
    blind: options.blind,
    tailCalls: options.tailCalls,
    entryType,
    host: (name) => hosts.get(name)!,
    callAt: (slot) => sites.get(slot)!,
    subprogram: (slot) => functions.get(slot)!,
    usesFuel: () => managed,
    deep:
      isDeep(
        insns,
        [...starts].sort((a, b) => a - b),
      ) ||
      (hasTailCalls && starts.size > 0),
    lookup(handle) {
      if (!lookups.has(handle)) lookups.set(handle, lookupFunction(module, options.machine, handle))
      return lookups.get(handle)
    },
    prandom: () => (prandom ??= writePrandom(module)),
    ringCommit: [...mapFunctions].find(([name]) => name.startsWith('commit_'))?.[1],
    mapFunction: (handle, name) => mapFunctions.get(`${name}_${handle}`),
  }
  const codes: { readonly slot: number; readonly index: number; readonly body: FunctionCode }[] = []
  const compile = (slot: number, index: number, isEntry: boolean): void => {
    const body = compileFunction(context, list, slot, isEntry, options.counted)
    module.define(index, body.code)
    codes.push({ slot, index, body })
  }
  if (entry >= 0) {
    compile(0, entry, true)
    const drivers = { module, cells, entry, attentionCell: options.machine.attentionCell }
    writeRun(drivers)
    writeRepeat(drivers)
    if (image.type === XDP) writeBurst(drivers)
    module.export('entry', entry)
  }
  for (const [slot, index] of functions) compile(slot, index, false)
  for (const slot of pointed) writeCall(module, functions.get(slot)!, slot, cells)
  const { bytes, codeStarts, codeLengths } = module.build()
  const count = codes.reduce((sum, { body }) => sum + body.places.length, 0)
  const offsets = new Uint32Array(count)
  const slots = new Uint32Array(count)
  let at = 0
  for (const { index, body } of codes.sort((a, b) => a.index - b.index)) {
    const start = codeStarts[index - module.imported]!
    for (const { position, pc } of body.places) {
      offsets[at] = start + position
      slots[at++] = pc
    }
  }
  const own = codes.map(({ slot, index }): ImageFunction => {
    const i = index - module.imported
    return { slot, offset: codeStarts[i]!, length: codeLengths[i]! }
  })
  return {
    bytes,
    imports,
    usesTable: hasTailCalls,
    managed,
    callable: [...pointed],
    offsets,
    slots,
    functions: own.sort((a, b) => a.slot - b.slot),
  }
}

function isTailCall(insn: Insn): boolean {
  return insn.op?.op === 'helper' && insn.op.kind === 'call' && insn.imm === TAIL_CALL
}

/** Imports each helper and kfunc once; the calls by slot. */
function callSites(
  image: ProgramImage,
  insns: readonly Insn[],
  calls: CallTable,
  module: ModuleWriter,
  imports: Import[],
): Map<number, CallSite> {
  const sites = new Map<number, CallSite>()
  const known = new Map<string, CallSite>()
  for (const insn of insns) {
    const kind = insn.op?.kind === 'call' ? insn.op.op : undefined
    if ((kind !== 'helper' && kind !== 'kfunc') || isTailCall(insn)) continue
    const name = kind === 'helper' ? `helper_${insn.imm}` : `kfunc_${image.kfuncs?.get(insn.pc) ?? insn.imm}`
    let site = known.get(name)
    if (site === undefined) {
      const callable =
        kind === 'helper' ? calls.helper(image, insn.pc, insn.imm) : calls.kfunc(image, insn.pc, insn.imm)
      const params = [...callable.args].flatMap((arg) => (arg === 'l' ? (['i32', 'i32'] as const) : (['i32'] as const)))
      site = {
        func: module.import(name, { params, results: ['i32'] }),
        args: callable.args,
        result: callable.result,
        reenters: kind === 'kfunc' || mayReenter(insn.imm),
      }
      imports.push({ name, callable })
      known.set(name, site)
    }
    sites.set(insn.pc, site)
  }
  return sites
}

/** Helpers that call functions of the program, or run another program. */
function mayReenter(id: number): boolean {
  const row = helperById(id)
  return row === undefined || row.name === 'sys_bpf' || row.args.some((arg) => arg.kind === 'ptr_to_func')
}

/** Whether calls of subprograms may nest deeper than the frames of a run, or in circles. */
function isDeep(insns: readonly Insn[], starts: readonly number[]): boolean {
  const functionOf = (slot: number): number => starts.findLast((start) => start <= slot) ?? 0
  const calls = new Map<number, Set<number>>()
  for (const insn of insns) {
    const jump = jumpTarget(insn)
    const own = functionOf(insn.pc)
    if (jump !== undefined && functionOf(jump) !== own) return true
    const target = functionTarget(insn)
    if (target === undefined) continue
    const callees = calls.get(own) ?? new Set<number>()
    callees.add(target)
    calls.set(own, callees)
  }
  if (calls.size === 0) return false
  const depths = new Map<number, number>()
  const depthOf = (slot: number, above: number): number => {
    const known = depths.get(slot)
    if (known !== undefined) return known
    if (above > MAX_FRAMES) return above
    let depth = 1
    for (const callee of calls.get(slot) ?? []) depth = Math.max(depth, 1 + depthOf(callee, above + 1))
    depths.set(slot, depth)
    return depth
  }
  return [0, ...starts].some((start) => depthOf(start, 1) > MAX_FRAMES)
}

/** Imports the operations of the maps that a program names, where it calls such helpers; by name. */
function importMapFunctions(
  image: ProgramImage,
  insns: readonly Insn[],
  machine: Machine,
  module: ModuleWriter,
  imports: Import[],
): Map<string, number> {
  const found = new Map<string, number>()
  for (const [name, { helpers, params, results, rings }] of Object.entries(MAP_FUNCTIONS)) {
    if (!insns.some(({ op, imm }) => op?.name === 'call' && helpers.includes(imm))) continue
    for (const value of new Set(image.refs.values())) {
      const handle = Number(value)
      const map = value > 0xffff_ffffn ? undefined : machine.mapOf(handle)
      if (map?.functions === undefined || (map.type === RINGBUF) !== rings) continue
      const key = `${name}_${handle}`
      found.set(key, module.import(key, { params, results }))
      imports.push({ name: key, map: { handle, name: name as keyof MapFunctions } })
    }
  }
  return found
}
