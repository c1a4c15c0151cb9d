import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeText } from '#src/base/index.js'
import { programBuilder } from '#src/isa/index.js'
import { createMap } from '#src/maps/index.js'
import { HELPERS, type HelperName, helperByName, KFUNCS } from '#src/spec/index.js'
import { callTable, hasHelper, hasKfunc, Interpreter, Machine, rawImage, type SpecialField } from '#src/vm/index.js'

const ENOENT = -2
const EPERM = -1
const E2BIG = -7
const EFAULT = -14
const EBUSY = -16
const EINVAL = -22
const EDEADLK = -35

/** A machine whose clocks stand still until the test moves them. */
function machineAt(start: bigint): { machine: Machine; set(now: bigint): void } {
  let now = start
  const clock = { monotonic: () => now, boottime: () => now + 5n, realtime: () => now + 100n, tai: () => now + 137n }
  return {
    machine: new Machine({ clock, random: { u32: () => 0xfedc_ba98 } }),
    set(value) {
      now = value
    },
  }
}

/** Calls a helper as a program would; 64-bit arguments are bigints. Its result is r0. */
function call(machine: Machine, name: HelperName, ...args: (number | bigint)[]): bigint {
  const image = rawImage(machine, new Uint8Array(8))
  const { run, result, args: kinds } = callTable().helper(image, 0, helperByName(name).id)
  const halves = args.flatMap((arg, index) =>
    kinds[index] === 'l'
      ? [Number(BigInt.asIntN(32, BigInt(arg))), Number(BigInt.asIntN(32, BigInt(arg) >> 32n))]
      : [Number(arg) | 0],
  )
  const lo = run(machine, ...halves)
  machine.freeHandle(image.handle)
  const hi = result === 'l' ? machine.r0hi : result === 'i' ? lo >> 31 : 0
  return BigInt.asIntN(64, (BigInt(hi) << 32n) | BigInt(lo >>> 0))
}

test('the signatures of kfuncs are those of the kernel', () => {
  const image = { ...rawImage(new Machine(), new Uint8Array(8)), kfuncs: new Map() }
  const wrong: string[] = []
  for (const row of KFUNCS) {
    if (!hasKfunc(row.name)) continue
    image.kfuncs = new Map([[0, row.name]])
    const { args, result } = callTable().kfunc(image, 0, 1)
    // An address that may be bad comes in 64 bits; the kernel's prototype has a pointer.
    const plain = row.abi.split('>')[0] ?? ''
    const fits =
      plain.length === args.length &&
      [...plain].every((kind, i) => kind === args[i] || (kind === 'p' && args[i] === 'l'))
    if (!fits || !row.abi.endsWith(`>${result}`)) wrong.push(`${row.name}: ${args}>${result}, not ${row.abi}`)
  }
  assert.deepEqual(wrong, [])
})

test('every helper is there or is refused by name', () => {
  const machine = new Machine()
  const image = rawImage(machine, new Uint8Array(8))
  for (const row of HELPERS) {
    if (hasHelper(row.name)) assert.equal(typeof callTable().helper(image, 0, row.id).run, 'function')
    else
      assert.throws(() => callTable().helper(image, 3, row.id), new RegExp(`instruction 3: helper ${row.name} is not`))
  }
})

test('clocks, random numbers and CPUs come from the machine', () => {
  const { machine } = machineAt(0x1_2345_6789n)
  machine.cpu = 1
  assert.equal(call(machine, 'ktime_get_ns'), 0x1_2345_6789n)
  assert.equal(call(machine, 'ktime_get_boot_ns'), 0x1_2345_6789n + 5n)
  assert.equal(call(machine, 'ktime_get_tai_ns'), 0x1_2345_6789n + 137n)
  assert.equal(call(machine, 'ktime_get_coarse_ns') % 4_000_000n, 0n)
  assert.equal(call(machine, 'jiffies64'), 0x1_0000_0000n - 75_000n + 0x1_2345_6789n / 4_000_000n)
  assert.equal(call(machine, 'get_prandom_u32'), 0xfedc_ba98n)
  assert.equal(call(machine, 'get_smp_processor_id'), 1n)
})

test('guarded copies give zeroes and -EFAULT outside of the memory', () => {
  const machine = new Machine()
  const to = machine.memory.alloc(32)
  const from = machine.memory.alloc(32)
  machine.memory.write(from, encodeText('kilogram\0rest'))
  const target = (): string => [...machine.memory.read(to, 12)].map((c) => String.fromCharCode(c || 46)).join('')
  machine.memory.u8.fill(0x78, to, to + 12)
  assert.equal(call(machine, 'probe_read_kernel', to, 4, BigInt(from)), 0n)
  assert.equal(target(), 'kiloxxxxxxxx')
  for (const bad of [0n, 0x10n, 0xffffn, 1n << 32n, BigInt(machine.memory.size) - 3n, -1n]) {
    machine.memory.u8.fill(0x78, to, to + 12)
    assert.equal(call(machine, 'probe_read_kernel', to, 4, bad), BigInt(EFAULT))
    assert.equal(target(), '....xxxxxxxx')
    assert.equal(call(machine, 'probe_read_kernel', to, 0, bad), 0n)
  }
  machine.memory.u8.fill(0x78, to, to + 12)
  assert.equal(call(machine, 'probe_read_kernel_str', to, 12, BigInt(from)), 9n)
  assert.equal(target(), 'kilogram.xxx')
  assert.equal(call(machine, 'probe_read_kernel_str', to, 5, BigInt(from)), 5n)
  assert.equal(target(), 'kilo.ram.xxx')
  assert.equal(call(machine, 'probe_read_user_str', to, 3, 5n), BigInt(EFAULT))
  assert.equal(target(), '...o.ram.xxx')
  assert.equal(call(machine, 'probe_write_user', BigInt(to), from, 4), 0n)
  assert.equal(call(machine, 'probe_write_user', 5n, from, 4), BigInt(EPERM))
})

test('the current task is the machine’s', () => {
  const machine = new Machine()
  const buffer = machine.memory.alloc(32)
  machine.task.pid = 77
  machine.task.tgid = 70
  machine.task.uid = 1000
  machine.task.gid = 100
  machine.task.comm = 'a-command-with-a-long-name'
  machine.task.cgroupIds = [1n, 5_000_000_000n]
  assert.equal(call(machine, 'get_current_pid_tgid'), (70n << 32n) | 77n)
  assert.equal(call(machine, 'get_current_uid_gid'), (100n << 32n) | 1000n)
  assert.equal(call(machine, 'get_current_cgroup_id'), 5_000_000_000n)
  assert.equal(call(machine, 'get_current_ancestor_cgroup_id', 0), 1n)
  assert.equal(call(machine, 'get_current_ancestor_cgroup_id', 7), 0n)
  assert.equal(call(machine, 'get_current_comm', buffer, 16), 0n)
  assert.deepEqual(machine.memory.read(buffer, 16), encodeText('a-command-with-\0'))
  call(machine, 'get_current_comm', buffer, 4)
  assert.deepEqual(machine.memory.read(buffer, 5), encodeText('a-c\0m'))
  assert.equal(call(machine, 'get_current_task'), BigInt(machine.taskStruct()))
  assert.equal(call(machine, 'get_ns_current_pid_tgid', 1n, 2n, buffer, 8), BigInt(EINVAL))
  machine.task.pidNamespace = { dev: 1n, ino: 2n, pid: 3, tgid: 4 }
  assert.equal(call(machine, 'get_ns_current_pid_tgid', 1n, 2n, buffer, 8), 0n)
  assert.deepEqual([...machine.memory.u32.subarray(buffer >>> 2, (buffer >>> 2) + 2)], [3, 4])
})

test('stacks: what the host gives, skipped and cut', () => {
  const machine = new Machine()
  const buffer = machine.memory.alloc(64)
  const stacks = createMap(machine, { type: 7, keySize: 4, valueSize: 32, maxEntries: 8, flags: 0 })
  assert.ok(typeof stacks === 'object')
  assert.equal(call(machine, 'get_stackid', 0, stacks.handle, 0n), BigInt(EFAULT))
  assert.equal(call(machine, 'get_stack', 0, buffer, 64, 0n), BigInt(EFAULT))
  machine.task.kernelStack = [10n, 20n, 30n, 40n, 50n, 60n]
  const id = call(machine, 'get_stackid', 0, stacks.handle, 0n)
  assert.ok(id >= 0n)
  assert.equal(call(machine, 'get_stackid', 0, stacks.handle, 0n), id)
  assert.equal(call(machine, 'get_stackid', 0, stacks.handle, 0x800n), BigInt(EINVAL))
  assert.equal(call(machine, 'get_stack', 0, buffer, 24, 1n), 24n)
  assert.equal(machine.memory.u64(buffer + 16), 40n)
  assert.equal(call(machine, 'get_stack', 0, buffer, 20, 0n), BigInt(EINVAL))
  assert.equal(call(machine, 'get_stack', 0, buffer, 64, 0x100n), BigInt(EFAULT))
  machine.task.userStack = [7n]
  assert.equal(call(machine, 'get_stack', 0, buffer, 64, 0x900n), 32n)
  assert.equal(machine.memory.u64(buffer + 24), 7n)
})

test('what a program is told about its attachment', () => {
  const machine = new Machine()
  const ctx = machine.memory.alloc(64)
  for (let i = 0; i < 4; i++) machine.memory.setU64(ctx + i * 8, BigInt(i + 1) << 33n)
  machine.attachment = { cookie: 0x1234_5678_9abcn, funcIp: 0xffff_ffff_8100_0000n, argCount: 3, retval: -1 }
  assert.equal(call(machine, 'get_attach_cookie', ctx), 0x1234_5678_9abcn)
  assert.equal(BigInt.asUintN(64, call(machine, 'get_func_ip', ctx)), 0xffff_ffff_8100_0000n)
  assert.equal(call(machine, 'get_func_arg', ctx, 2, ctx + 32), 0n)
  assert.equal(machine.memory.u64(ctx + 32), 3n << 33n)
  assert.equal(call(machine, 'get_func_arg', ctx, 3, ctx + 32), BigInt(EINVAL))
  assert.equal(call(machine, 'get_func_ret', ctx, ctx + 40), 0n)
  assert.equal(machine.memory.u64(ctx + 40), 4n << 33n)
  assert.equal(call(machine, 'get_func_arg_cnt', ctx), 3n)
  assert.equal(call(machine, 'get_retval'), -1n)
  call(machine, 'set_retval', -13)
  assert.equal(machine.attachment.retval, -13)
})

test('system calls of programs go to the host', () => {
  const machine = new Machine()
  const attr = machine.memory.alloc(64)
  assert.equal(call(machine, 'sys_bpf', 0, attr, 64), BigInt(EPERM))
  const seen: unknown[] = []
  machine.systemCalls = {
    bpf: (...args) => seen.push(args) + 40,
    close: (fd) => -fd,
    btfFindByNameKind: (name, kind) => (name === 'task_struct' && kind === 4 ? (3n << 32n) | 99n : BigInt(ENOENT)),
    kallsymsLookupName: (name) => (name === 'jiffies' ? 0xffff_ffff_8200_0000n : undefined),
  }
  assert.equal(call(machine, 'sys_bpf', 5, attr, 64), 41n)
  assert.deepEqual(seen, [[5, attr, 64]])
  assert.equal(call(machine, 'sys_close', 9), -9n)
  const name = machine.memory.alloc(32)
  machine.memory.write(name, encodeText('task_struct\0'))
  assert.equal(call(machine, 'btf_find_by_name_kind', name, 12, 4, 0), (3n << 32n) | 99n)
  assert.equal(call(machine, 'btf_find_by_name_kind', name, 11, 4, 0), BigInt(EINVAL))
  machine.memory.write(name, encodeText('jiffies\0\0\0\0\0'))
  assert.equal(call(machine, 'kallsyms_lookup_name', name, 8, 0, attr), 0n)
  assert.equal(machine.memory.u64(attr), 0xffff_ffff_8200_0000n)
  machine.memory.write(name, encodeText('unknown\0'))
  assert.equal(call(machine, 'kallsyms_lookup_name', name, 8, 0, attr), BigInt(ENOENT))
})

test('local storage belongs to objects by their identity', () => {
  const machine = new Machine()
  const map = createMap(machine, {
    type: 29,
    keySize: 4,
    valueSize: 8,
    maxEntries: 0,
    flags: 1,
    btfKeyTypeId: 1,
    btfValueTypeId: 2,
  })
  assert.ok(typeof map === 'object')
  const task = Number(call(machine, 'get_current_task_btf'))
  const init = machine.memory.alloc(8)
  machine.memory.setU64(init, 5n)
  assert.equal(call(machine, 'task_storage_get', map.handle, task, 0, 0n), 0n)
  assert.equal(call(machine, 'task_storage_get', map.handle, task, 0, 2n), 0n)
  const value = Number(call(machine, 'task_storage_get', map.handle, task, init, 1n))
  assert.equal(machine.memory.u64(value), 5n)
  assert.equal(Number(call(machine, 'task_storage_get', map.handle, task, 0, 0n)), value)
  assert.equal(call(machine, 'task_storage_delete', map.handle, task), 0n)
  assert.equal(call(machine, 'task_storage_delete', map.handle, task), BigInt(ENOENT))
  assert.equal(call(machine, 'task_storage_get', map.handle, 0, 0, 1n), 0n)
})

/** A map with a timer in its values, and a program whose callback counts its calls in the value. */
function timerProgram(type: number) {
  const { machine, set } = machineAt(1000n)
  const made = createMap(machine, { type, keySize: 4, valueSize: 40, maxEntries: 4, flags: 0 })
  assert.ok(typeof made === 'object')
  const fields: readonly SpecialField[] = [{ kind: 'timer', offset: 8, size: 16 }]
  const map = Object.assign(made, { specialFields: fields })
  const b = programBuilder()
  b.mov64Imm(0, 0).exit()
  // callback(map, key, value): value[24] += 1, value[32] = *key
  b.label('callback').mov64Imm(0, 1).emit('atomic_add64', { dst: 3, src: 0, off: 24 })
  b.ldx(32, 1, 2, 0).stx(64, 3, 32, 1).mov64Imm(0, 0).exit()
  // A reference to the callback, so that it has a handle.
  b.label('never').ldFunc(1, 'callback').exit()
  const program = machine.install(rawImage(machine, b.build()), new Interpreter(machine))
  const key = machine.memory.alloc(4)
  const value = machine.memory.alloc(40)
  machine.memory.u32[key >>> 2] = 3
  assert.equal(map.update(key, value, 0), 0)
  return { machine, set, map, key, at: map.lookup(key), callback: program.functions[0] as number }
}

for (const [name, type] of [
  ['a hash', 1],
  ['an array', 2],
] as const) {
  test(`timers in ${name} run when the clock has come`, () => {
    const { machine, set, map, at, callback, key } = timerProgram(type)
    const timer = at + 8
    const calls = (): number => Number(machine.memory.u64(at + 24))
    assert.equal(call(machine, 'timer_start', timer, 5n, 0n), BigInt(EINVAL))
    assert.equal(call(machine, 'timer_init', timer, map.handle, 3n), BigInt(EINVAL))
    assert.equal(call(machine, 'timer_init', timer, map.handle, 1n), 0n)
    assert.equal(call(machine, 'timer_init', timer, map.handle, 1n), BigInt(EBUSY))
    assert.equal(call(machine, 'timer_start', timer, 5n, 0n), BigInt(EINVAL))
    assert.equal(call(machine, 'timer_set_callback', timer, callback), 0n)
    assert.equal(call(machine, 'timer_start', timer, 500n, 8n), BigInt(EINVAL))
    assert.equal(call(machine, 'timer_start', timer, 500n, 0n), 0n)
    assert.equal(machine.timers.next(), 1500n)
    set(1499n)
    assert.equal(machine.timers.run(), 0)
    set(1500n)
    assert.equal(machine.timers.run(), 1)
    assert.equal(calls(), 1)
    assert.equal(machine.memory.u64(at + 32), 3n)
    assert.equal(machine.timers.run(), 0)
    assert.equal(call(machine, 'timer_cancel', timer), 0n)
    assert.equal(call(machine, 'timer_start', timer, 9000n, 1n), 0n)
    assert.equal(machine.timers.next(), 9000n)
    assert.equal(call(machine, 'timer_cancel', timer), 1n)
    set(10_000n)
    assert.equal(machine.timers.run(), 0)
    // An element that goes away takes its timer along.
    assert.equal(call(machine, 'timer_start', timer, 1n, 0n), 0n)
    if (type === 1) map.delete(key)
    else map.update(key, machine.memory.alloc(40), 0)
    set(20_000n)
    assert.equal(machine.timers.run(), 0)
    assert.equal(machine.timers.next(), undefined)
  })
}

test('a timer cannot cancel itself from its own callback', () => {
  const { machine, set, map, at, callback } = timerProgram(1)
  call(machine, 'timer_init', at + 8, map.handle, 7n)
  call(machine, 'timer_set_callback', at + 8, callback)
  call(machine, 'timer_start', at + 8, 1n, 0n)
  let answer = 0n
  const target = machine.functionOf(callback)
  assert.ok(target)
  const { runner } = target.program
  const inner = runner.call.bind(runner)
  runner.call = (slot, args) => {
    answer = call(machine, 'timer_cancel', at + 8)
    inner(slot, args)
  }
  set(2000n)
  assert.equal(machine.timers.run(), 1)
  assert.equal(answer, BigInt(EDEADLK))
})

test('samples for perf events carry the bytes of the packet that were asked for', () => {
  const machine = new Machine()
  const seen: [number, number, number[]][] = []
  const made = createMap(machine, { type: 4, keySize: 4, valueSize: 4, maxEntries: 2, flags: 0 })
  assert.ok(typeof made === 'object')
  Object.assign(made, {
    output(index: number, cpu: number, data: Uint8Array) {
      seen.push([index, cpu, [...data]])
      return 0
    },
  })
  const data = machine.memory.alloc(16)
  machine.memory.write(data, Uint8Array.of(1, 2, 3, 4))
  const current = 0xffff_ffffn
  machine.cpu = 1
  assert.equal(call(machine, 'perf_event_output', 0, made.handle, current, data, 4n), 0n)
  assert.equal(call(machine, 'perf_event_output', 0, made.handle, 0n, data, 2n), 0n)
  assert.equal(call(machine, 'perf_event_output', 0, made.handle, 2n, data, 2n), BigInt(E2BIG))
  assert.equal(call(machine, 'perf_event_output', 0, made.handle, (2n << 32n) | current, data, 2n), BigInt(EINVAL))
  machine.packet = {
    length: 3,
    copyOut(offset: number, length: number, to: number) {
      machine.memory.write(to, Uint8Array.of(7, 8, 9).subarray(offset, offset + length))
      return 0
    },
  } as never
  assert.equal(call(machine, 'perf_event_output', 0, made.handle, (2n << 32n) | current, data, 4n), 0n)
  assert.equal(call(machine, 'perf_event_output', 0, made.handle, (4n << 32n) | current, data, 4n), BigInt(EFAULT))
  assert.equal(call(machine, 'perf_event_output', 0, made.handle, (1n << 52n) | current, data, 4n), BigInt(EINVAL))
  assert.deepEqual(seen, [
    [1, 1, [1, 2, 3, 4]],
    [0, 1, [1, 2]],
    [1, 1, [1, 2, 3, 4, 7, 8]],
  ])
})
