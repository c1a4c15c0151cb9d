// One program, both verdicts.

import { encodeBtf, encodeFuncInfo, type NewBtfType } from '#src/btf/index.js'
import { noteTaker } from '#src/cli/verify/note-taker.js'
import { type Fd, type Kernel, KernelError, type ProgLoadRequest } from '#src/kernel/index.js'
import { mapTypeByName, PROG_TYPES } from '#src/spec/index.js'
import { type VerifyProgram, type VerifyResult, verify } from '#src/verifier/index.js'
import type { FuzzMap, Generated } from './generate.js'

export interface Compared {
  readonly linux: { readonly ok: boolean; readonly log: string; readonly ms: number }
  readonly ours: VerifyResult & { readonly ms: number }
  /** 'equal', or what differs first. */
  readonly difference:
    | 'too long'
    | 'equal'
    | 'false accept'
    | 'false refusal'
    | 'unsupported'
    | 'message'
    | 'processed'
    | 'log'
  /** The first line of the logs that differs. */
  readonly line: number
}

/** Lines of a log that both kernels must agree on. */
export function linesOf(log: string): string[] {
  return log
    .trimEnd()
    .split('\n')
    .filter((line) => !/^(verification time|stack depth)/.test(line))
    .map((line) => line.replace(/\(18\) r(\d) = 0x[0-9a-f]+/, '(18) r$1 = …').replace(/(\(18\) r\d = …) +;/, '$1 ;'))
}

export interface CompareOptions {
  /** 2: whole logs; 4: only messages and statistics, which is many times faster. */
  readonly level: 2 | 4
  /** Programs in which our verifier looks at more instructions are left out. */
  readonly most: number
  /** BPF_F_* of the load. */
  readonly flags?: number
  /** This process has no CAP_PERFMON. */
  readonly withoutPerfmon?: boolean
}

export class Comparer {
  readonly #kernel: Kernel
  readonly #taker: Kernel
  readonly maps: readonly FuzzMap[]
  readonly options: CompareOptions
  #found: Compared | undefined
  #program: VerifyProgram | undefined
  readonly #btfs = new Map<string, Fd>()

  constructor(kernel: Kernel, options: CompareOptions = { level: 2, most: 20_000 }) {
    this.#kernel = kernel
    this.options = options
    this.#taker = noteTaker(
      kernel,
      (request, program) => this.#load(request, program),
      () => undefined,
    )
    this.maps = [
      this.#map('array', 'array', 4, 32, 4),
      this.#map('hash', 'hash', 8, 48, 16),
      this.#map('percpu_array', 'percpu_array', 4, 16, 2),
      this.#map('lru_hash', 'lru_hash', 4, 8, 16),
      this.#map('ringbuf', 'ringbuf', 0, 0, 4096),
      this.#map('constant', 'array', 4, 24, 1),
    ]
  }

  #map(type: FuzzMap['type'], name: string, keySize: number, valueSize: number, maxEntries: number): FuzzMap {
    const row = mapTypeByName(name)
    if (row === undefined) throw new Error(`no map type ${name}`)
    const constant = type === 'constant'
    const fd = this.#taker.call('map_create', {
      ...{ mapType: row.id, keySize, valueSize, maxEntries, mapName: type },
      mapFlags: constant ? 128 : 0,
    })
    if (constant) {
      const value = Uint8Array.from({ length: valueSize }, (_, i) => i * 37)
      this.#taker.call('map_update_elem', { mapFd: fd, key: new Uint8Array(4), value })
      this.#taker.call('map_freeze', { mapFd: fd })
    }
    return { fd, type, keySize, valueSize }
  }

  /** BTF for functions of two numbers. */
  #functions(generated: Generated): Partial<ProgLoadRequest> {
    const { functions } = generated
    if (functions.length === 1) return {}
    const key = functions.map(({ global }) => (global ? 'g' : 's')).join('')
    let fd = this.#btfs.get(key)
    if (fd === undefined) {
      const btf = encodeBtf([
        { kind: 'int', name: 'int', size: 4, signed: true, char: false, bool: false, bits: 32, bitOffset: 0 },
        {
          ...{ kind: 'func_proto', name: '', type: 1 },
          params: [
            { name: 'a', type: 1 },
            { name: 'b', type: 1 },
          ],
        },
        ...functions.map(
          ({ global }, i): NewBtfType => ({
            ...{ kind: 'func', name: `f${i}`, type: 2, linkage: i === 0 || global ? 'global' : 'static' },
          }),
        ),
      ])
      fd = this.#taker.call('btf_load', { btf }).fd
      this.#btfs.set(key, fd)
    }
    const funcInfo = encodeFuncInfo(functions.map(({ start }, i) => ({ insnOff: start, typeId: 3 + i })))
    return { progBtfFd: fd, funcInfo, funcInfoRecSize: 8 }
  }

  compare(generated: Generated): Compared {
    this.#found = undefined
    const type = PROG_TYPES[generated.type]
    const request: ProgLoadRequest = {
      ...{ progType: type.id, insns: generated.insns, license: 'GPL', logLevel: this.options.level, logSize: 1 << 22 },
      progFlags: this.options.flags ?? 0,
      ...(generated.type === 'sk_lookup' ? { expectedAttachType: 36 } : {}),
      ...this.#functions(generated),
    }
    this.#taker.call('prog_load', request)
    return this.#found as unknown as Compared
  }

  /** What was asked last, to ask again. */
  get program(): VerifyProgram {
    return this.#program as VerifyProgram
  }

  #load(request: ProgLoadRequest, program: VerifyProgram | undefined): number {
    if (program === undefined) throw new Error('no such program type')
    const { level, most } = this.options
    this.#program = this.options.withoutPerfmon === true ? { ...program, capabilities: { perfmon: false } } : program
    const begin = performance.now()
    const result = verify(this.#program, { logLevel: level, maxInsns: most })
    const ours = { ...result, ms: performance.now() - begin }
    let linux: Compared['linux'] = { ok: false, log: '', ms: 0 }
    if (ours.stats.insnsProcessed > most) {
      this.#found = { linux, ours, difference: 'too long', line: 0 }
      return 0
    }
    const start = performance.now()
    try {
      const { fd, log } = this.#kernel.call('prog_load', request)
      linux = { ok: true, log, ms: performance.now() - start }
      this.#kernel.call('close', { fd })
    } catch (error) {
      if (!(error instanceof KernelError)) throw error
      linux = { ok: false, log: error.log ?? '', ms: performance.now() - start }
    }
    const a = linesOf(linux.log)
    const b = linesOf(ours.log)
    const longest = Math.max(a.length, b.length)
    let line = 0
    while (line < longest && a[line] === b[line]) line++
    this.#found = { linux, ours, difference: differenceOf(linux.ok, ours, a, b, line === longest), line }
    return 0
  }
}

function differenceOf(
  ok: boolean,
  ours: VerifyResult,
  a: string[],
  b: string[],
  same: boolean,
): Compared['difference'] {
  if (ok !== ours.ok) {
    if (ours.ok) return 'false accept'
    return ours.diagnostics[0]?.unsupported === true ? 'unsupported' : 'false refusal'
  }
  if (same) return 'equal'
  if (!ok && a.at(-2) !== b.at(-2)) return 'message'
  return a.at(-1) === b.at(-1) ? 'log' : 'processed'
}
