import assert from 'node:assert/strict'
import { test as testOnce } from 'node:test'
import { FormatError } from '#src/base/index.js'
import { assemble, programBuilder } from '#src/isa/index.js'
import {
  BudgetError,
  type Engine,
  ExecutionError,
  Interpreter,
  type LoadedProgram,
  Machine,
  MemoryFault,
  type ProgramImage,
  type RawRunResult,
  rawImage,
  runRaw,
  UnsupportedError,
  WasmInterpreter,
} from '#src/vm/index.js'

/** The interpreter of the running test: each test is there for the reference and for the one in WebAssembly. */
let Current: typeof Interpreter | typeof WasmInterpreter = Interpreter

function test(name: string, body: () => void): void {
  for (const engine of [Interpreter, WasmInterpreter]) {
    testOnce(`${name} (${engine.name})`, () => {
      Current = engine
      body()
    })
  }
}

const NOTHING = new Uint8Array(0)

function run(text: string, mem = NOTHING, budget = 1_000_000): bigint {
  return runOn(new Machine(), assemble(text), mem, budget).r0
}

/** runRaw on the interpreter of the test; one for each machine. */
function runOn(machine: Machine, insns: Uint8Array, mem = NOTHING, budget?: number): RawRunResult {
  const engine = made.get(machine) ?? new Current(machine)
  made.set(machine, engine)
  return runRaw(machine, insns, mem, { engine, ...(budget === undefined ? {} : { budget }) })
}

const made = new WeakMap<Machine, Engine>()

function thrownBy(action: () => unknown): unknown {
  try {
    action()
  } catch (error) {
    return error
  }
  assert.fail('nothing was thrown')
}

test('an endless loop stops at the budget, naming program and instruction', () => {
  const error = thrownBy(() => run('r0 = 0\nagain: r0 += 1\ngoto again', NOTHING, 1000))
  assert.ok(error instanceof BudgetError)
  assert.equal(error.program, 'raw')
  assert.equal(error.pc, 2)
  assert.match(error.hint, /loop/)
})

test('the budget counts instructions that were executed, jumped-over ones not', () => {
  // Ten rounds of three instructions, with forty to jump over in each.
  const filler = 'r1 = 1\n'.repeat(40)
  const text = `r0 = 10\nagain: r0 -= 1\nif r0 s>= -1 goto over\n${filler}over: if r0 != 0 goto again\nexit`
  assert.equal(run(text, NOTHING, 40), 0n)
  assert.ok(thrownBy(() => run(text, NOTHING, 20)) instanceof BudgetError)
})

test('callbacks and nested loops are within the budget', () => {
  const machine = new Machine()
  const b = programBuilder()
  b.mov64Imm(1, 1 << 20)
    .ldFunc(2, 'callback')
    .mov64Imm(3, 0)
    .mov64Imm(4, 0)
    .call('loop')
    .exit()
  b.label('callback').mov64Imm(0, 0).exit()
  const program = machine.install(rawImage(machine, b.build()), new Current(machine))
  machine.budget = 10_000
  assert.ok(thrownBy(() => program.runner.run(0)) instanceof BudgetError)
  machine.budget = 10_000_000
  program.runner.run(0)
  assert.equal(machine.r0lo, 1 << 20)
  machine.uninstall(program)
})

test('bad accesses are faults with their address', () => {
  const cases: [text: string, address: bigint, size: number, write: boolean, pc: number][] = [
    ['r1 = 0\nr0 = *(u64 *)(r1 + 8)\nexit', 8n, 8, false, 1],
    ['r1 = 65535\n*(u8 *)(r1 + 0) = 1\nexit', 65535n, 1, true, 1],
    ['r1 = 0\nr0 = *(u32 *)(r1 - 4)\nexit', 0xffff_ffff_ffff_fffcn, 4, false, 1],
    ['r1 = 0x100000000 ll\nr0 = *(u16 *)(r1 + 0)\nexit', 0x1_0000_0000n, 2, false, 2],
    ['r1 = -1\n*(u64 *)(r1 + 1) = r1\nexit', 0n, 8, true, 1],
    ['r1 = 0xfffffff8 ll\nr0 = *(u64 *)(r1 + 0)\nexit', 0xffff_fff8n, 8, false, 2],
    ['r1 = 16\nlock *(u64 *)(r1 + 0) += r1\nexit', 16n, 8, true, 1],
    ['r1 = 16\nr0 = 1\nr0 = atomic_xchg((u32 *)(r1 + 4), r0)\nexit', 20n, 4, true, 2],
    ['r1 = 16\nr0 = *(s8 *)(r1 + 0)\nexit', 16n, 1, false, 1],
  ]
  for (const [text, address, size, write, pc] of cases) {
    const error = thrownBy(() => run(text))
    assert.ok(error instanceof MemoryFault, `${text}: ${error}`)
    assert.deepEqual(
      { address: error.address, size: error.size, write: error.write, pc: error.pc },
      { address, size, write, pc },
      text,
    )
  }
})

test('the last bytes of the memory can be read, the ones behind cannot', () => {
  const machine = new Machine()
  const last = machine.memory.size - 8
  const read = (at: number): unknown =>
    runOn(machine, assemble(`r1 = 0x${at.toString(16)} ll\nr0 = *(u64 *)(r1 + 0)\nexit`)).r0
  assert.equal(read(last), 0n)
  for (let beyond = 1; beyond <= 8; beyond++) assert.ok(thrownBy(() => read(last + beyond)) instanceof MemoryFault)
})

test('unaligned accesses work', () => {
  const mem = Uint8Array.from({ length: 32 }, (_, index) => index)
  assert.equal(run('r0 = *(u64 *)(r1 + 3)\nexit', mem), 0x0a09_0807_0605_0403n)
  assert.equal(run('*(u32 *)(r1 + 5) = -2\nr0 = *(u64 *)(r1 + 3)\nexit', mem), 0x0a09_ffff_fffe_0403n)
  assert.equal(run('r2 = 1\nlock *(u64 *)(r1 + 1) += r2\nr0 = *(u64 *)(r1 + 1)\nexit', mem), 0x0807_0605_0403_0202n)
})

test('programs that cannot be run are refused with their slot', () => {
  const refusals: [bytes: Uint8Array, offset: number, what: RegExp][] = [
    [Uint8Array.of(0xff, 0, 0, 0, 0, 0, 0, 0), 0, /not known/],
    [NOTHING, 0, /no instructions/],
    [assemble('r0 = 0\nexit').slice(0, 12), 8, /multiple of 8/],
    [Uint8Array.of(0x05, 0, 5, 0, 0, 0, 0, 0), 0, /jumps to slot 6/],
    [Uint8Array.of(0xb7, 0x0b, 0, 0, 0, 0, 0, 0), 0, /register R11/],
    [Uint8Array.of(0xb7, 0x0a, 0, 0, 0, 0, 0, 0), 0, /frame pointer/],
    [Uint8Array.of(0x18, 0x11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0, /not resolved/],
  ]
  for (const [bytes, offset, what] of refusals) {
    const error = thrownBy(() => runOn(new Machine(), bytes))
    assert.ok(error instanceof FormatError, `${error}`)
    assert.equal(error.offset, offset)
    assert.match(error.message, what)
  }
})

test('a jump into the middle of an ld_imm64 is refused', () => {
  const b = programBuilder().mov64Imm(0, 0).jumpImm('jeq', 0, 0, 'wide').label('wide').ldImm64(0, 1n).exit()
  const insns = b.build()
  new DataView(insns.buffer).setInt16(8 + 2, 1, true)
  assert.ok(thrownBy(() => runOn(new Machine(), insns)) instanceof FormatError)
})

test('running off the end, too deep calls and unknown functions are errors of their own', () => {
  assert.ok(thrownBy(() => run('r0 = 0')) instanceof ExecutionError)
  assert.ok(thrownBy(() => run('call deeper\nexit\ndeeper: call deeper\nexit')) instanceof ExecutionError)
  assert.ok(thrownBy(() => run('r1 = 0x12345678\ncallx r1\nexit')) instanceof ExecutionError)
  assert.ok(thrownBy(() => run('call 0x7fff\nexit')) instanceof UnsupportedError)
  const error = thrownBy(() => run('r0 = 0\ncall 92\nexit'))
  assert.ok(error instanceof UnsupportedError)
  assert.match(error.message, /helper rc_pointer_rel is not available in the embedded kernel/)
})

test('after an error the machine runs the next program as if nothing had happened', () => {
  const machine = new Machine()
  const free = machine.createHandle(undefined)
  machine.freeHandle(free)
  for (let i = 0; i < 300; i++) {
    thrownBy(() => runOn(machine, assemble('call deep\nexit\ndeep: r1 = 0\nr0 = *(u8 *)(r1 + 0)\nexit')))
  }
  assert.equal(runOn(machine, assemble('*(u64 *)(r10 - 512) = 7\nr0 = *(u64 *)(r10 - 512)\nexit')).r0, 7n)
  // Handles and memory came back.
  assert.equal(machine.createHandle(undefined), free)
})

test('subprograms have a stack frame of their own, and r6 to r9 are the caller’s', () => {
  const text = `
    *(u64 *)(r10 - 8) = 1
    r6 = 10
    r7 = 20
    r8 = 30
    r9 = 40
    r1 = 5
    call sub
    r0 += r6
    r0 += r7
    r0 += r8
    r0 += r9
    r1 = *(u64 *)(r10 - 8)
    r0 += r1
    exit
    sub: *(u64 *)(r10 - 8) = 1000
    r6 = r1
    r7 = 0
    r8 = 0
    r9 = 0
    r0 = r6
    exit`
  assert.equal(run(text), 106n)
})

test('may_goto goes on eight million times in a frame', () => {
  assert.equal(run('r0 = 0\nagain: may_goto done\nr0 += 1\ngoto again\ndone: exit', NOTHING, 1e9), 8388608n)
})

test('a hook before every instruction sees slots and registers', () => {
  const machine = new Machine()
  const interpreter = new Current(machine)
  const text =
    'r0 = 1\nr1 = 0x500000003 ll\nif r0 == 1 goto over\nr0 = 9\nover: r0 += 4\ncall sub\nexit\nsub: r0 = 7\nexit'
  const image = rawImage(machine, assemble(text))
  const slots: number[] = []
  const r0: number[] = []
  interpreter.onStep = (_image, slot, registers) => {
    slots.push(slot)
    r0.push(registers[0] as number)
  }
  const stepped = interpreter.prepareStepping(image)
  stepped.run(0)
  assert.deepEqual(slots, [0, 1, 3, 5, 6, 8, 9, 7])
  assert.deepEqual(r0.slice(1), [1, 1, 1, 5, 5, 7, 7])
  interpreter.prepare(image).run(0)
  assert.equal(slots.length, 8)
})

test('probe loads read zero where there is nothing', () => {
  const machine = new Machine()
  const insns = assemble('r1 = 16\nr0 = *(u64 *)(r1 + 0)\nr2 = *(s8 *)(r10 - 1)\nr0 += r2\nexit')
  const image: ProgramImage = { ...rawImage(machine, insns), probeLoads: new Set([1, 2]) }
  const program = machine.install(image, new Current(machine))
  machine.memory.u8.fill(0xff, machine.memory.size - 65536, machine.memory.size)
  program.runner.run(0)
  assert.equal(machine.r0hi, machine.r0lo >> 31)
  assert.ok(machine.r0lo === 0 || machine.r0lo === -1)
})

test('arena pointers change their address space', () => {
  const machine = new Machine()
  const addr = machine.memory.alloc(65536)
  const userAddr = 0x7f00_1234_0000n
  // r2 = user address of byte 24; as the kernel's pointer it is readable; back it is the user's.
  const b = programBuilder()
    .ldImm64(2, userAddr + 24n)
    .emit('addr_space_cast', { dst: 3, src: 2, imm: 1 })
  b.ldx(32, 0, 3, 0)
    .emit('addr_space_cast', { dst: 4, src: 3, imm: 0x10000 })
    .alu64Reg('sub', 4, 2)
    .alu64Reg('add', 0, 4)
  b.mov64Imm(5, 0).emit('addr_space_cast', { dst: 5, src: 5, imm: 0x10000 }).alu64Reg('add', 0, 5).exit()
  const image: ProgramImage = { ...rawImage(machine, b.build()), arena: { addr, size: 65536, userAddr } }
  machine.memory.u32[(addr + 24) >>> 2] = 77
  const program: LoadedProgram = machine.install(image, new Current(machine))
  program.runner.run(0)
  assert.equal(machine.r0lo, 77)
  assert.equal(machine.r0hi, 0)
})

test('LD_ABS reads the packet in network order; beyond its end the program returns 0', () => {
  const machine = new Machine()
  const bytes = Uint8Array.of(1, 2, 3, 4, 5, 6)
  const packet = {
    length: bytes.length,
    loadBytes: (offset: number, size: number) =>
      offset < 0 || offset + size > bytes.length
        ? -1
        : bytes.slice(offset, offset + size).reduce((value, byte) => value * 256 + byte, 0),
  }
  machine.packet = packet as never
  const result = (text: string): number => {
    const program = machine.install(rawImage(machine, assemble(text)), new Current(machine))
    program.runner.run(0)
    machine.uninstall(program)
    return machine.r0lo
  }
  assert.equal(result('r6 = r1\nr0 = *(u32 *)skb[0]\nexit'), 0x01020304)
  assert.equal(result('r6 = r1\nr0 = *(u16 *)skb[4]\nexit'), 0x0506)
  assert.equal(result('r6 = r1\nr7 = 3\nr0 = *(u8 *)skb[r7 + 2]\nexit'), 6)
  assert.equal(result('r6 = r1\nr0 = *(u16 *)skb[5]\nr0 = 9\nexit'), 0)
  assert.equal(result('r6 = r1\ncall sub\nr0 += 5\nexit\nsub: r6 = r1\nr0 = *(u32 *)skb[4]\nr0 = 9\nexit'), 5)
})
