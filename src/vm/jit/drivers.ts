import { PLAN } from '../packet-burst.js'
import {
  above,
  add,
  and,
  atLeast,
  below,
  call,
  extend,
  FunctionBuilder,
  type Local,
  load32,
  shl,
  shr,
  type Value,
  wrap,
} from '../wasm/expressions.js'
import type { ModuleWriter } from '../wasm/module-writer.js'
import type { Cells } from './cells.js'

// How the host enters a compiled program: once, many times on the same context, over many packets, or in a subprogram.

const ETH_HLEN = 14
/** Up to here a loop copies a packet faster than the host's memory.copy. */
const SHORT = 256
const SECOND = 1_000_000_000

export interface Drivers {
  readonly module: ModuleWriter
  readonly cells: Cells
  /** Function index of the program's entry. */
  readonly entry: number
  readonly attentionCell: number
}

function define(
  module: ModuleWriter,
  name: string,
  params: number,
  results: number,
  build: (f: FunctionBuilder) => void,
): void {
  const f = new FunctionBuilder(params)
  build(f)
  f.code.op('end')
  const i32s = (count: number): 'i32'[] => Array<'i32'>(count).fill('i32')
  const index = module.declare(name, { params: i32s(params), results: i32s(results) })
  module.define(index, f.code)
  module.export(name, index)
}

/** r0 = the program's entry (ctx). */
function enter(f: FunctionBuilder, { cells, entry }: Drivers, context: Value, r0: Local): void {
  f.set(r0, call(entry, extend(context), load32(0, cells.frame)))
}

/** Leaves r0: the low half is returned, the high one goes to its cell. */
function leave(f: FunctionBuilder, { cells }: Drivers, r0: Local): void {
  f.code
    .i32(cells.result + 4)
    .get(r0.local)
    .i64(32)
    .op('i64.shr_u')
    .memory('i64.store32', 0)
  f.code.get(r0.local).op('i32.wrap_i64')
}

/** A run begins with so much fuel, and no tail calls made. */
function refill(f: FunctionBuilder, { cells }: Drivers, fuel: Local): void {
  f.store64(0, cells.fuel, extend(fuel))
  f.store32(0, cells.tailCalls, 0)
}

/** run(ctx) -> low half of r0. */
export function writeRun(drivers: Drivers): void {
  define(drivers.module, 'run', 1, 1, (f) => {
    const r0 = f.local(undefined, 'i64')
    enter(f, drivers, f.param(0), r0)
    leave(f, drivers, r0)
  })
}

/** repeat(ctx, count, fuel) -> low half of the last r0: each run with that much fuel. */
export function writeRepeat(drivers: Drivers): void {
  define(drivers.module, 'repeat', 3, 1, (f) => {
    const [context, count, fuel] = [f.param(0), f.param(1), f.param(2)]
    const r0 = f.local(undefined, 'i64')
    f.loop((again) => {
      refill(f, drivers, fuel)
      enter(f, drivers, context, r0)
      f.set(count, add(count, -1))
      again(count)
    })
    leave(f, drivers, r0)
  })
}

/** burst(plan, from, to, fuel) -> the packet where it stopped: see packet-burst.ts and Runner.burst. */
export function writeBurst(drivers: Drivers): void {
  define(drivers.module, 'burst', 4, 1, (f) => {
    const [plan, index, to, fuel] = [f.param(0), f.param(1), f.param(2), f.param(3)]
    const r0 = f.local(undefined, 'i64')
    const context = f.local(load32(plan, PLAN.context))
    const data = f.local(load32(plan, PLAN.data))
    const at = f.local()
    const length = f.local()
    f.block((stop) => {
      f.loop((again) => {
        stop(atLeast(index, to))
        f.set(at, shl(index, 2))
        f.set(length, load32(add(load32(plan, PLAN.lengths), at)))
        stop(below(length, ETH_HLEN))
        stop(above(length, load32(plan, PLAN.limit)))
        copyPacket(f, data, add(load32(plan, PLAN.bytes), load32(add(load32(plan, PLAN.offsets), at))), length)
        // struct xdp_md
        f.store32(context, 0, data)
        f.store32(context, 4, add(data, length))
        f.store32(context, 8, data)
        f.store32(context, 12, load32(plan, PLAN.ifindex))
        f.store32(context, 16, load32(plan, PLAN.queue))
        f.store32(context, 20, 0)
        setClock(f, plan, at)
        refill(f, drivers, fuel)
        enter(f, drivers, context, r0)
        f.store32(add(load32(plan, PLAN.results), at), 0, wrap(r0))
        f.set(index, add(index, 1))
        stop(load32(0, drivers.attentionCell))
        f.set(at, wrap(r0))
        stop(and(below(at, 32), shr(load32(plan, PLAN.stop), at)))
        again()
      })
    })
    f.code.get(index.local)
  })
}

/** Short packets eight bytes at a time, and up to seven more. */
function copyPacket(f: FunctionBuilder, to: Local, source: Value, length: Local): void {
  const from = f.local(source)
  f.if(
    above(length, SHORT),
    () => f.code.get(to.local).get(from.local).get(length.local).memoryCopy(),
    () => {
      const done = f.local(0)
      f.loop((again) => {
        f.code
          .get(to.local)
          .get(done.local)
          .op('i32.add')
          .get(from.local)
          .get(done.local)
          .op('i32.add')
          .memory('i64.load', 0)
          .memory('i64.store', 0)
        f.set(done, add(done, 8))
        again(below(done, length))
      })
    },
  )
}

/** A PacketClock's time is the packet's, where that is later. */
function setClock(f: FunctionBuilder, plan: Local, at: Local): void {
  const clock = f.local(load32(plan, PLAN.clock))
  const now = f.local(undefined, 'i64')
  f.if(clock, () => {
    const { code } = f
    code.get(plan.local).memory('i32.load', PLAN.seconds).get(at.local).get(at.local).op('i32.add').op('i32.add')
    code.memory('f64.load', 0).truncateSaturating().i64(SECOND).op('i64.mul')
    code.get(plan.local).memory('i32.load', PLAN.nanoseconds).get(at.local).op('i32.add').memory('i64.load32_u', 0)
    code.op('i64.add').get(clock.local).memory('i64.load', 8).op('i64.sub').set(now.local)
    code.get(now.local).get(clock.local).memory('i64.load', 0).op('i64.gt_s').if()
    code.get(clock.local).get(now.local).memory('i64.store', 0).op('end')
  })
}

/** call<slot>(): arguments and result in cells. */
export function writeCall(module: ModuleWriter, target: number, slot: number, cells: Cells): void {
  define(module, `call${slot}`, 0, 0, ({ code }) => {
    code.i32(cells.result)
    for (let i = 0; i < 5; i++) code.i32(cells.args + i * 8).memory('i64.load', 0)
    code.i32(cells.frame).memory('i32.load', 0).call(target).memory('i64.store', 0)
  })
}
