import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { toHex } from '#src/base/index.js'
import { testRun } from '#src/embedded/test-run/index.js'
import { type Kernel, KernelError, type TestRunRequest, type TestRunResult } from '#src/kernel/index.js'
import { linkProgram, type ObjectSpec, openObject, programNamed } from '#src/object/index.js'
import { bpf_attach_type, bpf_prog_type } from '#src/spec/index.js'
import { Interpreter, Jit, type LoadedProgram, Machine, type MachineOptions } from '#src/vm/index.js'
import { openLinux } from '../../support/kernels.js'
import { root } from '../../support/paths.js'

export type Run = Omit<TestRunRequest, 'progFd'>

/** What a test run led to, comparable: numbers and bytes as text, or the errno. */
export interface Outcome {
  readonly error?: string
  readonly retval?: number
  readonly data?: string
  readonly ctx?: string
}

/** A fixture's program without maps, loaded on the embedded kernel's machine and on Linux. */
export interface Pair {
  readonly machine: Machine
  readonly program: LoadedProgram
  embedded(run: Run): Outcome
  linux(run: Run): Outcome
  [Symbol.dispose](): void
}

export function fixture(path: string): ObjectSpec {
  return openObject(readFileSync(join(root, 'test/fixtures', path)), { file: path })
}

/** Loads a program on a machine of its own. */
export function loadEmbedded(
  spec: ObjectSpec,
  name: string,
  options: MachineOptions = {},
): { machine: Machine; program: LoadedProgram } {
  const machine = new Machine(options)
  const { type, attachType } = typeOf(spec, name)
  const program = machine.install(
    {
      name,
      type,
      expectedAttachType: attachType,
      insns: linked(spec, name),
      refs: new Map(),
      handle: machine.createHandle(undefined),
      hasFrags: programNamed(spec, name).frags,
      sleepable: false,
    },
    process.env.SKEP_ENGINE === 'interpreter' ? new Interpreter(machine) : new Jit(machine),
  )
  return { machine, program }
}

export function loadPair(path: string, name: string, options: MachineOptions = {}): Pair {
  const spec = fixture(path)
  const { machine, program } = loadEmbedded(spec, name, options)
  const kernel = openLinux()
  const fd = loadLinux(kernel, spec, name)
  return {
    machine,
    program,
    embedded: (run) => outcome(() => testRun(machine, program, { ...run, progFd: fd })),
    linux: (run) => outcome(() => kernel.call('prog_test_run', { ...run, progFd: fd })),
    [Symbol.dispose]: () => kernel[Symbol.dispose](),
  }
}

export function loadLinux(kernel: Kernel, spec: ObjectSpec, name: string) {
  const { type, attachType } = typeOf(spec, name)
  return kernel.call('prog_load', {
    progType: type,
    expectedAttachType: attachType,
    insns: linked(spec, name),
    license: 'GPL',
    progFlags: (programNamed(spec, name).frags ? 32 : 0) | (programNamed(spec, name).sleepable ? 16 : 0),
  }).fd
}

function linked(spec: ObjectSpec, name: string): Uint8Array {
  const { insns, fixups } = linkProgram(spec, name)
  if (fixups.length > 0) throw new Error(`${name} refers to maps: ${JSON.stringify(fixups[0])}`)
  return insns
}

function typeOf(spec: ObjectSpec, name: string): { type: number; attachType: number } {
  const { type, attachType } = programNamed(spec, name)
  const progTypes: Record<string, number> = bpf_prog_type
  const attachTypes: Record<string, number> = bpf_attach_type
  return {
    type: progTypes[`BPF_PROG_TYPE_${type.toUpperCase()}`] as number,
    attachType: attachType === undefined ? 0 : (attachTypes[`BPF_${attachType.toUpperCase()}`] as number),
  }
}

export function outcome(run: () => TestRunResult): Outcome {
  try {
    const { retval, dataOut, ctxOut } = run()
    return { retval, data: toHex(dataOut), ctx: toHex(ctxOut) }
  } catch (error) {
    if (error instanceof KernelError) return { error: error.code }
    throw error
  }
}
