import { type ProgramBuilder, programBuilder } from './builder.js'
import { encodeInsns, type InsnFields, insnFields } from './insn.js'
import { OPS, type Op, type OpKind } from './opcodes.js'
import { type Random, seededRandom } from './random.js'

export interface GenerateOptions {
  /** The same seed and options give the same program. */
  readonly seed: number
  /** Instructions of the body, about. Default 40. */
  readonly length?: number
  /**
   * Where the program finds its input, 64 bytes that must be there:
   * `socket_filter` and `xdp` the packet, `memory` r1 (its address) as `skep vm run` gives it, `none` only constants.
   * Programs for the first two are accepted by Linux's verifier. Default `none`, which any program type accepts.
   */
  readonly input?: 'socket_filter' | 'xdp' | 'memory' | 'none'
  /** Highest -mcpu level to draw from. Default 4. */
  readonly cpu?: 1 | 2 | 3 | 4
  /** Subprograms to generate and call. Default 0 or 1 by the seed; 0 below cpu 3. */
  readonly subprogs?: number
  /**
   * Descriptor of an ARRAY map of one element of GENERATED_RESULT_BYTES, where the program leaves r0 to r5, r7, r8 and its
   * stack slots before it folds them into r0.
   */
  readonly resultMap?: number
  /** Kinds never to draw; for machines that do not know them. */
  readonly without?: readonly OpKind[]
}

/** Bytes of input the program may read. */
export const GENERATED_INPUT_BYTES = 64

/** Bytes of results in the map of GenerateOptions.resultMap. */
export const GENERATED_RESULT_BYTES = 128

const STACK_SLOTS = 8
const SCALARS = [0, 1, 2, 3, 4, 5, 7, 8] as const
// r6 keeps the context for packet loads, r9 counts loops.
const COUNTER = 9

interface Shape {
  readonly random: Random
  readonly builder: ProgramBuilder
  readonly straight: readonly Op[]
  readonly conditions: readonly Op[]
  readonly without: readonly OpKind[]
  readonly cpu: number
  readonly packetLoads: boolean
  /** Instructions that may still be drawn. */
  budget: number
  labels: number
}

/**
 * A random program that runs to its end and whose r0 depends on everything it computed: arithmetic of all widths, stack
 * loads, stores and atomics, forward jumps, bounded loops and subprograms, drawn from the opcode table.
 * All registers and stack bytes are initialised first and no pointer is computed with, so that Linux accepts it and
 * its result can be compared between engines and with BPF_PROG_TEST_RUN.
 */
export function generateProgram(options: GenerateOptions): Uint8Array {
  const { seed, length = 40, input = 'none', cpu = 4, without = [] } = options
  const random = seededRandom(seed)
  const drawn = OPS.filter((op) => op.only === undefined && (op.cpu ?? 1) <= cpu && !without.includes(op.kind))
  const shape: Shape = {
    random,
    builder: programBuilder(),
    straight: drawn.filter(isStraight),
    conditions: drawn.filter((op) => op.kind === 'cond'),
    without,
    cpu,
    packetLoads: input === 'socket_filter' && !without.includes('ld_abs'),
    budget: length,
    labels: 0,
  }
  const subprogs = options.subprogs ?? (cpu >= 3 && !without.includes('call') ? random.below(2) : 0)
  const { builder } = shape
  prologue(shape, input)
  for (let i = 0; i < subprogs; i++) {
    sequence(shape, Math.floor(length / (subprogs + 1)))
    for (let register = 1; register <= 5; register++)
      builder.mov64Reg(register, random.pick([0, 1, 2, 3, 4, 5, 7, 8].filter((r) => r === 0 || r >= register)))
    builder.callSubprog(`subprog${i}`)
    for (let register = 1; register <= 5; register++) setConstant(shape, register)
  }
  sequence(shape, length)
  if (options.resultMap !== undefined) storeResults(builder, options.resultMap)
  epilogue(builder)
  if (input !== 'none') builder.label('short').mov64Imm(0, 0).exit()
  for (let i = 0; i < subprogs; i++) {
    builder.label(`subprog${i}`)
    // Arguments are r1 to r5; the rest starts anew in each frame.
    for (const register of [0, 7, 8]) setConstant(shape, register)
    fillStack(shape)
    shape.budget = Math.max(4, Math.floor(length / 3))
    const inner = { ...shape, packetLoads: false }
    sequence(inner, shape.budget)
    shape.labels = inner.labels
    epilogue(builder)
  }
  return builder.build()
}

/** Kinds that take part in straight code: they read and write scalars and the stack and go on. */
function isStraight(op: Op): boolean {
  switch (op.kind) {
    case 'alu':
    case 'endian':
    case 'ldx':
    case 'st':
    case 'stx':
    case 'atomic':
    case 'load_acquire':
    case 'store_release':
      return true
    case 'ld_imm64':
      return op.op === 'imm64'
    default:
      return false
  }
}

function setConstant({ builder, random }: Shape, register: number): void {
  if (random.oneIn(2)) builder.mov64Imm(register, random.s32())
  else builder.ldImm64(register, random.u64())
}

function fillStack({ builder, random }: Shape): void {
  for (let slot = 1; slot <= STACK_SLOTS; slot++) builder.st(64, 10, -8 * slot, random.s32())
}

/** Gives every register and stack slot a value: constants, and the input where there is one. */
function prologue(shape: Shape, input: GenerateOptions['input']): void {
  const { builder, random } = shape
  builder.mov64Reg(6, 1)
  fillStack(shape)
  if (input === 'xdp') {
    builder.ldx(32, 2, 1, 0).ldx(32, 3, 1, 4)
    builder.mov64Reg(4, 2).alu64Imm('add', 4, GENERATED_INPUT_BYTES).jumpReg('jgt', 4, 3, 'short')
    for (const register of [0, 1, 3, 4, 5, 7, 8]) builder.ldx(64, register, 2, 8 * random.below(8))
    builder.ldx(32, 2, 2, 4 * random.below(16))
    return
  }
  if (input === 'memory') {
    builder.jumpImm('jlt', 2, GENERATED_INPUT_BYTES, 'short')
    for (const register of [0, 2, 3, 4, 5, 7, 8]) builder.ldx(64, register, 6, 8 * random.below(8))
    setConstant(shape, 1)
    return
  }
  if (input === 'socket_filter') {
    // The packet by way of the stack: bpf_skb_load_bytes(ctx, 0, fp - 64, 64).
    builder.mov64Imm(2, 0).mov64Reg(3, 10).alu64Imm('add', 3, -GENERATED_INPUT_BYTES)
    builder.mov64Imm(4, GENERATED_INPUT_BYTES).call('skb_load_bytes').jumpImm('jne', 0, 0, 'short')
    for (const register of [0, 1, 3, 4, 5, 7, 8]) builder.ldx(64, register, 10, -8 * (1 + random.below(STACK_SLOTS)))
    setConstant(shape, 2)
    return
  }
  for (const register of SCALARS) setConstant(shape, register)
}

/** Writes all registers and stack slots to the first value of a map. r9 is free then; r1 is put back. */
function storeResults(builder: ProgramBuilder, map: number): void {
  builder.ldMapValue(COUNTER, map, 0)
  for (const [i, register] of SCALARS.entries()) builder.stx(64, COUNTER, i * 8, register)
  for (let slot = 1; slot <= STACK_SLOTS; slot++) {
    builder.ldx(64, 1, 10, -8 * slot).stx(64, COUNTER, (SCALARS.length + slot - 1) * 8, 1)
  }
  builder.ldx(64, 1, COUNTER, 8)
}

/** Folds all registers and the stack into r0, both halves, because a test run shows 32 bits of it. */
function epilogue(builder: ProgramBuilder): void {
  for (const register of SCALARS.slice(1)) builder.alu64Imm('mul', 0, 31).alu64Reg('add', 0, register)
  for (let slot = 1; slot <= STACK_SLOTS; slot++) builder.ldx(64, 1, 10, -8 * slot).alu64Reg('xor', 0, 1)
  builder.mov64Reg(1, 0).alu64Imm('rsh', 1, 32).alu64Reg('xor', 0, 1).exit()
}

function sequence(shape: Shape, length: number, depth = 0): void {
  const { random } = shape
  for (let i = 0; i < length && shape.budget > 0; i++) {
    shape.budget--
    const choice = random.below(depth < 3 ? 16 : 12)
    if (choice < 12) straight(shape)
    else if (choice < 14) branch(shape, depth)
    else if (choice === 14 && depth === 0) loop(shape)
    else rare(shape, depth)
  }
}

/** One instruction that only computes. */
function straight(shape: Shape): void {
  const { random, builder } = shape
  const op = random.pick(shape.straight)
  builder.emit(op.name, scalarFields(op, random))
}

/** Fields for a row whose registers hold scalars and whose memory is the stack. */
function scalarFields(op: Op, random: Random): Omit<InsnFields, 'code'> {
  const bytes = (op.bits ?? 64) / 8
  const place = -8 * (1 + random.below(STACK_SLOTS)) + bytes * random.below(8 / bytes)
  const dst = random.pick(SCALARS)
  const src = random.pick(SCALARS)
  switch (op.kind) {
    case 'ld_imm64':
      return { dst, imm64: random.u64() }
    case 'ldx':
    case 'load_acquire':
      return { dst, src: 10, off: place }
    case 'st':
      return { dst: 10, off: place, imm: random.s32() }
    case 'stx':
    case 'atomic':
    case 'store_release':
      return { dst: 10, src, off: place }
    default:
      return {
        ...(op.dst === undefined ? {} : { dst }),
        ...(op.src === 'r' ? { src } : {}),
        ...(op.imm === 'value' ? { imm: aluImm(op, random) } : {}),
      }
  }
}

function aluImm(op: Op, random: Random): number {
  if (op.op === 'lsh' || op.op === 'rsh' || op.op === 'arsh') return random.below(op.bits ?? 64)
  const imm = random.s32()
  const divides = op.op === 'div' || op.op === 'sdiv' || op.op === 'mod' || op.op === 'smod'
  return divides && imm === 0 ? 3 : imm
}

/** `if c goto else; …; goto end; else: …; end:`, sometimes without the second arm. */
function branch(shape: Shape, depth: number): void {
  const { random, builder } = shape
  const id = shape.labels++
  const condition = random.pick(shape.conditions)
  if (condition === undefined) {
    straight(shape)
    return
  }
  builder.emit(condition.name, {
    dst: random.pick(SCALARS),
    ...(condition.operand === 'reg' ? { src: random.pick(SCALARS) } : { imm: random.s32() }),
    to: `else${id}`,
  })
  sequence(shape, 1 + random.below(4), depth + 1)
  if (random.oneIn(2)) {
    builder.emit(shape.cpu >= 4 && random.oneIn(2) ? 'gotol' : 'goto', { to: `end${id}` })
    builder.label(`else${id}`)
    sequence(shape, 1 + random.below(4), depth + 1)
  } else {
    builder.label(`else${id}`)
  }
  builder.label(`end${id}`)
}

/** A counted loop of straight code. */
function loop(shape: Shape): void {
  const { random, builder } = shape
  const id = shape.labels++
  builder.mov64Imm(COUNTER, 1 + random.below(4)).label(`loop${id}`)
  for (let i = 1 + random.below(4); i > 0; i--) straight(shape)
  builder.alu64Imm('sub', COUNTER, 1).jumpImm('jne', COUNTER, 0, `loop${id}`)
}

/** may_goto (whose jump is never taken in a short run) and packet loads. */
function rare(shape: Shape, depth: number): void {
  const { random, builder } = shape
  const id = shape.labels++
  if (shape.packetLoads && random.oneIn(2)) {
    const bits = random.pick([8, 16, 32] as const)
    if (random.oneIn(2)) builder.emit(`ld_abs${bits}`, { imm: random.below(GENERATED_INPUT_BYTES - 4) })
    else {
      builder.mov64Imm(7, random.below(30))
      builder.emit(`ld_ind${bits}`, { src: 7, imm: random.below(30) })
    }
    for (let register = 1; register <= 5; register++) setConstant(shape, register)
    return
  }
  if (shape.cpu < 4 || shape.without.includes('may_goto')) {
    straight(shape)
    return
  }
  builder.emit('may_goto', { to: `end${id}` })
  sequence(shape, 1 + random.below(3), depth + 1)
  builder.label(`end${id}`)
}

/** An instruction of a row with random operands in every field the row has: legal to decode and print, not to run. */
export function randomInsn(op: Op, random: Random): InsnFields {
  const s16 = (): number => (random.s32() << 16) >> 16
  const imm = op.imm === 'spaces' ? random.pick([1, 0x10000]) : random.s32()
  const wide =
    op.op === 'map_fd' || op.op === 'map_idx' || op.op === 'func' ? BigInt.asUintN(32, BigInt(imm)) : random.u64()
  return insnFields(op.name, {
    ...(op.dst === undefined ? {} : { dst: random.below(11) }),
    ...(typeof op.src === 'string' ? { src: random.below(11) } : {}),
    ...(typeof op.off === 'string' ? { off: s16() } : {}),
    ...(typeof op.imm === 'string' && op.kind !== 'ld_imm64' ? { imm } : {}),
    ...(op.kind === 'ld_imm64' ? { imm64: wide } : {}),
  })
}

/** `count` instructions of random rows with random operands, for decoders, printers and parsers. */
export function randomInsns(seed: number, count: number): Uint8Array {
  const random = seededRandom(seed)
  return encodeInsns(Array.from({ length: count }, () => randomInsn(random.pick(OPS), random)))
}
