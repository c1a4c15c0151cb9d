import { type Insn, OPS, type Op, type OpKind } from '../../isa/index.js'
import { emitAlu, emitEndian } from '../jit/emit-alu.js'
import { emitCondition } from '../jit/emit-jump.js'
import { emitAtomic, emitLoad, emitStore } from '../jit/emit-memory.js'
import { type FunctionContext, get64, type ModuleContext, type Operands, set64 } from '../jit/emitter.js'
import { noFacts } from '../jit/facts.js'
import { CodeWriter } from '../wasm/code-writer.js'
import { type FunctionType, ModuleWriter } from '../wasm/module-writer.js'
import { FRAME_SIZE, MAX_LOOPS } from './state.js'

// The interpreter as one WebAssembly function, written from the opcode table: an arm for each kind of instruction, made
// by the functions that write compiled programs, with operands that are looked up instead of known. Instructions are
// records in memory, whose first word is the number of the arm.

/** Offsets in a record of 32 bytes. */
export const RECORD = { arm: 0, dst: 4, src: 8, off: 12, imm: 16, slot: 24, program: 28, size: 32 } as const

/** Offsets in the interpreter's state: r0 to r10, fuel (i64, in bytes of records), frames in use, an exit's record, frames. */
export const STATE = { registers: 0, r6: 48, r10: 80, fuel: 96, depth: 104, exit: 128, frames: 160 } as const
/** A frame that waits: r6 to r9, where to go on, may_goto's count. */
export const SAVED = { registers: 0, record: 32, loops: 36, size: 64 } as const
/** Frames one program may have (MAX_CALL_FRAMES), and all nested runs together. */
const MAX_FRAMES = 8
export const FRAMES = 288

const PAGE = 65536

/** What the interpreter asks of the host: all get the record's address. */
export type WasmHost =
  | 'fault'
  | 'exhausted'
  | 'tooDeep'
  | 'runsOff'
  | 'call'
  | 'callRegister'
  | 'tailCall'
  | 'loadPacket'
  | 'rare'
  | 'hook'

const HOST: Record<WasmHost, FunctionType> = {
  fault: { params: ['i32', 'i32'], results: [] },
  exhausted: { params: ['i32'], results: [] },
  tooDeep: { params: ['i32'], results: [] },
  runsOff: { params: ['i32'], results: [] },
  call: { params: ['i32'], results: [] },
  callRegister: { params: ['i32'], results: [] },
  tailCall: { params: ['i32'], results: ['i32'] },
  loadPacket: { params: ['i32'], results: ['i32'] },
  rare: { params: ['i32'], results: [] },
  hook: { params: ['i32'], results: [] },
}

/** Operands by where the record names them. */
const DST = 16
const SRC = 17
const IMM = 18

/** What the arms share. */
interface Context {
  readonly f: FunctionContext
  readonly code: CodeWriter
  readonly host: (name: WasmHost) => number
  readonly locals: Locals
  /** Goes on with the next record, or takes the record's jump, from `inner` blocks further in. */
  next(inner?: number): void
  jump(inner?: number): void
  /** The depth of the label that `jump` goes to, for a br_if. */
  jumpDepth(): number
}

/** Parameters and variables of the function. */
interface Locals {
  readonly state: number
  readonly record: number
  readonly depth: number
  readonly bottom: number
  readonly ceiling: number
  readonly fuel: number
  /** Records run since fuel was taken are record - base. */
  readonly base: number
  readonly loops: number
  /** Bytes of memory behind page 0. */
  readonly top: number
  readonly t32: number
}

type Arm = (c: Context, op: Op) => void

const symbolic = (op: Op): Insn => ({
  code: op.code,
  dst: DST,
  src: op.operand === 'imm' ? IMM : SRC,
  off: 0,
  imm: 1,
  imm64: undefined,
  pc: 0,
  op,
})

/** The second operand is fetched like a register, whether it is one or a number. */
const fetched = (op: Op): Op => (op.operand === 'imm' ? { ...op, operand: 'reg' } : op)

const ARMS: Partial<Record<OpKind, Arm>> = {
  alu: ({ f }, op) => emitAlu(f, symbolic(op), fetched(op)),
  endian: ({ f }, op) => emitEndian(f, symbolic(op), op),
  ld_imm64: ({ f }) => {
    get64(f, IMM)
    set64(f, DST)
  },
  ldx: ({ f }, op) => emitLoad(f, symbolic(op), op),
  load_acquire: ({ f }, op) => emitLoad(f, symbolic(op), op),
  st: ({ f }, op) => emitStore(f, { ...symbolic(op), src: IMM }, op),
  stx: ({ f }, op) => emitStore(f, symbolic(op), op),
  store_release: ({ f }, op) => emitStore(f, symbolic(op), op),
  atomic: ({ f }, op) => emitAtomic(f, symbolic(op), op),
  nospec: () => {},
  ld_abs: packetLoad,
  ld_ind: packetLoad,
  cond: (c, op) => {
    emitCondition(c.f, symbolic(op), fetched(op), false)
    c.code.brIf(c.jumpDepth())
  },
  ja: (c) => c.jump(),
  may_goto: (c) => {
    const { code, locals } = c
    code.get(locals.loops).i32(1).op('i32.sub').tee(locals.loops).i32(0).op('i32.lt_s').brIf(c.jumpDepth())
  },
  call: (c, op) => {
    if (op.op === 'subprog') callSubprogram(c)
    else callHost(c, 'call')
  },
  callx: (c) => callHost(c, 'callRegister'),
  exit,
}

/** Arms that no row of the opcode table has. */
const SPECIAL = {
  tailCall,
  rare: (c: Context) => callHost(c, 'rare'),
  hook: (c: Context) => callHost(c, 'hook'),
  runsOff: ({ code, host, locals }: Context) => code.get(locals.record).call(host('runsOff')).op('unreachable'),
} as const
export type SpecialArm = keyof typeof SPECIAL

/** Rows with the same arm. */
function armKey({ kind, op, bits, operand, fromBits, signed, fetch, name }: Op): string {
  switch (kind) {
    case 'load_acquire':
      return `ldx,${bits}`
    case 'ldx':
      return `ldx,${bits}${signed === true ? ',signed' : ''}`
    case 'stx':
    case 'store_release':
      return `stx,${bits}`
    case 'ld_imm64':
    case 'nospec':
    case 'ja':
      return kind
    case 'ld_abs':
    case 'ld_ind':
      return 'packet'
    case 'call':
      return op === 'subprog' ? 'subprog' : 'host'
    case 'endian':
      return `${op === 'be' ? 'bswap' : op},${bits}`
    default:
      return [kind, op, bits, operand, fromBits, fetch, kind === 'atomic' ? name : ''].join()
  }
}

export interface InterpreterModule {
  /** A WebAssembly.Module: the types of an installed package want no host's declarations. */
  readonly module: object
  /** Number of the arm of a row of the opcode table, by its name; and of the others. */
  readonly arms: ReadonlyMap<string, number>
  readonly special: Readonly<Record<SpecialArm, number>>
}

let made: InterpreterModule | undefined

/** The module, compiled once a process: all machines share it. */
export function interpreterModule(): InterpreterModule {
  made ??= make()
  return made
}

function make(): InterpreterModule {
  const arms = new Map<string, number>()
  const bodies: ((c: Context) => void)[] = []
  const byKey = new Map<string, number>()
  for (const op of OPS) {
    const write = ARMS[op.kind]
    if (write === undefined) continue
    const key = armKey(op)
    let index = byKey.get(key)
    if (index === undefined) {
      index = bodies.push((c) => write(c, op)) - 1
      byKey.set(key, index)
    }
    arms.set(op.name, index)
  }
  const special = {} as Record<SpecialArm, number>
  for (const [name, write] of Object.entries(SPECIAL)) special[name as SpecialArm] = bodies.push(write) - 1
  const bytes = writeModule(bodies)
  return { module: new WebAssembly.Module(bytes), arms, special }
}

/** execute(state, record, depth): runs from a record until the frame it began in exits. */
function writeModule(bodies: readonly ((c: Context) => void)[]): Uint8Array {
  const module = new ModuleWriter()
  const hosts = new Map<WasmHost, number>()
  for (const name of Object.keys(HOST) as WasmHost[]) hosts.set(name, module.import(name, HOST[name]))
  const host = (name: WasmHost): number => hosts.get(name)!
  const type: FunctionType = { params: ['i32', 'i32', 'i32'], results: [] }
  const execute = module.declare('bpf_interpreter', type)
  const code = new CodeWriter(3)
  const locals: Locals = {
    state: 0,
    record: 1,
    depth: 2,
    bottom: code.local('i32'),
    ceiling: code.local('i32'),
    base: code.local('i32'),
    loops: code.local('i32'),
    top: code.local('i32'),
    t32: code.local('i32'),
    fuel: code.local('i64'),
  }
  const u32 = code.local('i32')
  const t64 = code.local('i64')
  const f: FunctionContext = {
    module: {} as ModuleContext,
    code,
    registers: [],
    frame: -1,
    t32: locals.t32,
    u32,
    t64,
    fuel: locals.fuel,
    loops: locals.loops,
    place: -1,
    isEntry: true,
    facts: noFacts(),
    depth: 0,
    operands: operandsOf(code, locals, t64, host),
  }
  code.get(locals.depth).set(locals.bottom)
  setCeiling(code, locals)
  code.get(locals.record).set(locals.base)
  code.i32(MAX_LOOPS).set(locals.loops)
  code.get(locals.state).memory('i64.load', STATE.fuel).set(locals.fuel)
  setTop(code, locals)
  const count = bodies.length
  code.loop().block()
  for (let i = 0; i < count; i++) code.block()
  code.get(locals.record).memory('i32.load', RECORD.arm)
  code.brTable(Array.from({ length: count }, (_, i) => i))
  bodies.forEach((body, i) => {
    code.op('end')
    // Blocks of later arms, then that of the jump, then the loop.
    const jumpDepth = count - 1 - i
    const c: Context = {
      f,
      code,
      host,
      locals,
      next: (inner = 0) => void code.br(jumpDepth + 1 + inner),
      jump: (inner = 0) => void code.br(jumpDepth + inner),
      jumpDepth: () => jumpDepth,
    }
    body(c)
    code.get(locals.record).i32(RECORD.size).op('i32.add').set(locals.record)
    c.next()
  })
  code.op('end')
  // A jump is taken: fuel is counted up to here, and looked at where it goes back.
  burn(code, locals)
  code.get(locals.record).memory('i32.load', RECORD.off).tee(locals.t32).i32(0).op('i32.lt_s')
  code.get(locals.fuel).i64(0).op('i64.lt_s').op('i32.and').if()
  code.get(locals.state).get(locals.fuel).memory('i64.store', STATE.fuel)
  code.get(locals.record).call(host('exhausted')).op('end')
  code.get(locals.record).i32(RECORD.size).op('i32.add').get(locals.t32).op('i32.add')
  code.tee(locals.record).set(locals.base).br(0)
  code.op('end').op('unreachable').op('end')
  module.define(execute, code)
  module.export('execute', execute)
  return module.build().bytes
}

function operandsOf(code: CodeWriter, locals: Locals, t64: number, host: (name: WasmHost) => number): Operands {
  const field = (register: number): number => (register === DST ? RECORD.dst : RECORD.src)
  /** Pushes where a register lies; its offset. */
  const place = (register: number): number => {
    if (register < 10) {
      code.get(locals.state)
      return STATE.registers + 8 * register
    }
    code.get(locals.record)
    if (register === IMM) return RECORD.imm
    code.memory('i32.load', field(register))
    return 0
  }
  const value = code.local('i64')
  return {
    get64(register) {
      code.memory('i64.load', place(register))
    },
    get32(register) {
      code.memory('i32.load', place(register))
    },
    set64(register) {
      code.set(value)
      const offset = place(register)
      code.get(value).memory('i64.store', offset)
    },
    address({ op }, register) {
      const write = op?.kind !== 'ldx' && op?.kind !== 'load_acquire'
      const size = (op?.bits ?? 64) / 8
      code.memory('i64.load', place(register))
      code.tee(t64).op('i32.wrap_i64').get(locals.record).memory('i32.load', RECORD.off).op('i32.add')
      code.i32(PAGE).op('i32.sub').tee(locals.t32)
      code.get(locals.top).i32(size).op('i32.sub').op('i32.gt_u')
      code.get(t64).i64(32).op('i64.shr_u').op('i32.wrap_i64').op('i32.or').if()
      code
        .get(locals.record)
        .i32(size | (write ? 256 : 0))
        .call(host('fault'))
        .op('end')
      code.get(locals.t32)
      return PAGE
    },
  }
}

/** Takes the records that were run from the fuel. */
function burn(code: CodeWriter, { fuel, record, base }: Locals): void {
  code.get(fuel).get(record).i32(RECORD.size).op('i32.add').get(base).op('i32.sub').op('i64.extend_i32_u')
  code.op('i64.sub').set(fuel)
}

function setTop(code: CodeWriter, { top }: Locals): void {
  code.memorySize().i32(1).op('i32.sub').i32(16).op('i32.shl').set(top)
}

/** Each program may have eight frames of its own. */
function setCeiling(code: CodeWriter, { depth, ceiling }: Locals): void {
  code.get(depth).i32(MAX_FRAMES).op('i32.add').tee(ceiling).i32(FRAMES)
  code.get(ceiling).i32(FRAMES).op('i32.lt_u').op('select').set(ceiling)
}

/** Leaves what the host needs, calls it, and takes up what it may have changed. */
function leaveAndCall({ code, host, locals }: Context, name: WasmHost): void {
  const { state, record, depth, fuel, base } = locals
  burn(code, locals)
  code.get(record).i32(RECORD.size).op('i32.add').set(base)
  code.get(state).get(fuel).memory('i64.store', STATE.fuel)
  code.get(state).get(depth).i32(1).op('i32.add').memory('i32.store', STATE.depth)
  code.get(record).call(host(name))
  code.get(state).memory('i64.load', STATE.fuel).set(fuel)
}

function callHost(c: Context, name: WasmHost): void {
  leaveAndCall(c, name)
  setTop(c.code, c.locals)
}

/** Beyond the packet the function returns 0. */
function packetLoad(c: Context): void {
  const { code, locals } = c
  leaveAndCall(c, 'loadPacket')
  code.op('i32.eqz').if()
  code.get(locals.state).i64(0).memory('i64.store', STATE.registers)
  code.get(locals.state).i32(STATE.exit).op('i32.add').tee(locals.record).set(locals.base)
  c.next(1)
  code.op('end')
  setTop(code, locals)
}

function callSubprogram(c: Context): void {
  const { code, host, locals } = c
  const { state, record, depth, t32 } = locals
  code.get(depth).i32(1).op('i32.add').get(locals.ceiling).op('i32.ge_u').if()
  code.get(record).call(host('tooDeep')).op('end')
  frameAddress(code, locals)
  code.set(t32)
  for (let at = 0; at < 32; at += 8) {
    code
      .get(t32)
      .get(state)
      .memory('i64.load', STATE.r6 + at)
      .memory('i64.store', SAVED.registers + at)
  }
  code.get(t32).get(record).i32(RECORD.size).op('i32.add').memory('i32.store', SAVED.record)
  code.get(t32).get(locals.loops).memory('i32.store', SAVED.loops)
  code.i32(MAX_LOOPS).set(locals.loops)
  code.get(depth).i32(1).op('i32.add').set(depth)
  moveFrame(code, locals, -FRAME_SIZE)
  c.jump()
}

function exit(c: Context): void {
  const { code, locals } = c
  const { state, record, depth, t32, fuel } = locals
  burn(code, locals)
  code.get(depth).get(locals.bottom).op('i32.eq').if()
  code.get(state).get(fuel).memory('i64.store', STATE.fuel).op('return').op('end')
  code.get(depth).i32(1).op('i32.sub').set(depth)
  frameAddress(code, locals)
  code.set(t32)
  for (let at = 0; at < 32; at += 8) {
    code
      .get(state)
      .get(t32)
      .memory('i64.load', SAVED.registers + at)
      .memory('i64.store', STATE.r6 + at)
  }
  code.get(t32).memory('i32.load', SAVED.record).tee(record).set(locals.base)
  code.get(t32).memory('i32.load', SAVED.loops).set(locals.loops)
  moveFrame(code, locals, FRAME_SIZE)
  c.next()
}

function tailCall(c: Context): void {
  const { code, locals } = c
  leaveAndCall(c, 'tailCall')
  setTop(code, locals)
  code.tee(locals.t32).if()
  code.get(locals.t32).tee(locals.record).set(locals.base)
  code.i32(MAX_LOOPS).set(locals.loops)
  setCeiling(code, locals)
  c.next(1)
  code.op('end')
}

function frameAddress(code: CodeWriter, { state, depth }: Locals): void {
  code.get(depth).i32(SAVED.size).op('i32.mul').get(state).op('i32.add').i32(STATE.frames).op('i32.add')
}

function moveFrame(code: CodeWriter, { state }: Locals, by: number): void {
  code.get(state).get(state).memory('i64.load', STATE.r10).i64(by).op('i64.add').memory('i64.store', STATE.r10)
}
