// Both verdicts on every program of an object: that of the running kernel, and ours on the very same request.

import { type Btf, type FuncInfo, type LineInfo, parseBtf } from '../../btf/index.js'
import { type Kernel, KernelError, type MapCreateRequest, type ProgLoadRequest } from '../../kernel/index.js'
import { openObject } from '../../object/index.js'
import { loadCollection } from '../../sdk/index.js'
import { attachTypeName, mapTypeById, progTypeName } from '../../spec/index.js'
import { type MapDescription, type VerifyProgram, type VerifyResult, verify } from '../../verifier/index.js'

export interface Judgement {
  readonly file: string
  readonly program: string
  readonly type: string
  readonly insns: number
  readonly linux: { readonly ok: boolean; readonly message: string; readonly log: string; readonly ms: number }
  readonly ours: VerifyResult & { readonly ms: number }
}

export interface JudgeOptions {
  readonly logLevel: number
  /** Programs to look at; absent: all. */
  readonly only?: string | undefined
  readonly maxInsns?: number | undefined
}

/** The verifier's last telling line. */
export function tellingLine(log: string): string {
  const lines = log
    .trimEnd()
    .split('\n')
    .filter((line) => !/^(processed \d+ insns|verification time|stack depth)/.test(line))
  return lines.at(-1) ?? ''
}

/** What was skipped (cannot be linked, maps refused …), by program, goes to `skipped`. */
export function judgeObject(
  kernel: Kernel,
  file: string,
  bytes: Uint8Array,
  options: JudgeOptions,
  skipped: (program: string, reason: string) => void,
): Judgement[] {
  const out: Judgement[] = []
  const spec = openObject(bytes, { file })
  const wrapped = new RecordingKernel(kernel, options)
  for (const program of spec.programs) {
    if (options.only !== undefined && program.name !== options.only) continue
    wrapped.verdict = undefined
    try {
      loadCollection(openObject(bytes, { file }), {
        kernel: wrapped as unknown as Kernel,
        programs: [program.name],
        pinPath: '/nonexistent',
        tcPinPath: '/nonexistent',
      }).close()
    } catch (error) {
      if (wrapped.verdict === undefined) skipped(program.name, error instanceof Error ? error.message : String(error))
    }
    const verdict = wrapped.taken()
    if (verdict !== undefined) out.push({ file, program: program.name, ...verdict })
  }
  return out
}

type Verdict = Omit<Judgement, 'file' | 'program'>

/** The running kernel, with notes of the maps and BTF that were made. */
class RecordingKernel {
  readonly kernel: Kernel
  readonly options: JudgeOptions
  readonly maps = new Map<number, MapCreateRequest>()
  readonly frozen = new Set<number>()
  readonly inner = new Map<number, MapDescription>()
  readonly btfs = new Map<number, Btf>()
  verdict: Verdict | undefined
  #kernelBtf: Btf | undefined

  constructor(kernel: Kernel, options: JudgeOptions) {
    this.kernel = kernel
    this.options = options
  }

  get name(): string {
    return this.kernel.name
  }
  get release(): string {
    return this.kernel.release
  }
  get possibleCpus(): number {
    return this.kernel.possibleCpus
  }
  vmlinuxBtf(): Uint8Array | undefined {
    return this.kernel.vmlinuxBtf()
  }
  config(): string | undefined {
    return this.kernel.config()
  }
  watch(...args: Parameters<Kernel['watch']>): Disposable {
    return this.kernel.watch(...args)
  }
  mmap(...args: Parameters<Kernel['mmap']>): Uint8Array {
    return this.kernel.mmap(...args)
  }
  [Symbol.dispose](): void {}

  /** The verdict on the last program loaded. */
  taken(): Verdict | undefined {
    return this.verdict
  }

  call(name: string, request: unknown): unknown {
    const call = (n: string, r: unknown) => this.kernel.call(n as 'map_freeze', r as never) as unknown
    if (name === 'obj_pin' || name === 'mkdir') return undefined
    if (name === 'prog_load') return this.load(request as ProgLoadRequest)
    const result = call(name, request)
    if (name === 'map_create') {
      const made = request as MapCreateRequest
      this.maps.set(result as number, made)
      this.frozen.delete(result as number)
      this.inner.delete(result as number)
      const inner = made.innerMapFd === undefined ? undefined : this.describe(made.innerMapFd)
      if (inner !== undefined) this.inner.set(result as number, { ...inner, name: '' })
    } else if (name === 'map_freeze') this.frozen.add((request as { mapFd: number }).mapFd)
    else if (name === 'btf_load') {
      this.btfs.set((result as { fd: number }).fd, parseBtf((request as { btf: Uint8Array }).btf.slice()))
    } else if (name === 'close') {
      this.maps.delete((request as { fd: number }).fd)
      this.btfs.delete((request as { fd: number }).fd)
    }
    return result
  }

  describe(fd: number): MapDescription | undefined {
    const made = this.maps.get(fd)
    if (made === undefined) return undefined
    const frozen = this.frozen.has(fd)
    const btf = made.btfFd === undefined ? undefined : this.btfs.get(made.btfFd)
    return {
      name: made.mapName ?? '',
      type: made.mapType,
      keySize: made.keySize,
      valueSize: made.valueSize,
      maxEntries: made.maxEntries,
      flags: made.mapFlags ?? 0,
      frozen,
      contents: frozen && mapTypeById(made.mapType)?.name === 'array' ? this.contents(fd) : undefined,
      inner: this.inner.get(fd),
      btf,
      btfKeyTypeId: made.btfKeyTypeId ?? 0,
      btfValueTypeId: made.btfValueTypeId ?? 0,
    }
  }

  contents(fd: number): Uint8Array | undefined {
    try {
      const call = this.kernel.call.bind(this.kernel) as (name: string, request: unknown) => unknown
      const value = call('map_lookup_elem', { mapFd: fd, key: new Uint8Array(4) })
      return value instanceof Uint8Array ? value.slice() : undefined
    } catch {
      return undefined
    }
  }

  vmlinux(): Btf | undefined {
    if (this.#kernelBtf === undefined) {
      const bytes = this.kernel.vmlinuxBtf()
      if (bytes !== undefined) this.#kernelBtf = parseBtf(bytes)
    }
    return this.#kernelBtf
  }

  load(request: ProgLoadRequest): unknown {
    const { logLevel } = this.options
    const start = performance.now()
    let linux: Verdict['linux']
    let answer: unknown
    let failure: unknown
    try {
      answer = this.kernel.call('prog_load', { ...request, logLevel: 0 })
      linux = { ok: true, message: '', log: '', ms: performance.now() - start }
      if (logLevel > 0) {
        const again = this.kernel.call('prog_load', { ...request, logLevel, logSize: 1 << 22 })
        linux = { ...linux, log: again.log }
        this.kernel.call('close', { fd: again.fd })
      }
    } catch (error) {
      failure = error
      const ms = performance.now() - start
      let log = ''
      if (error instanceof KernelError) {
        log = error.log ?? ''
        try {
          this.kernel.call('prog_load', { ...request, logLevel: Math.max(1, logLevel), logSize: 1 << 22 })
        } catch (again) {
          if (again instanceof KernelError) log = again.log ?? ''
        }
      }
      linux = { ok: false, message: tellingLine(log) || String(error), log, ms }
    }
    const type = progTypeName(request.progType)
    if (type !== undefined) {
      const program = this.program(request, type)
      const begin = performance.now()
      const { maxInsns } = this.options
      const ours = verify(program, { logLevel: Math.max(1, logLevel), ...(maxInsns === undefined ? {} : { maxInsns }) })
      const ms = performance.now() - begin
      this.verdict = { type, insns: request.insns.length / 8, linux, ours: { ...ours, ms } }
    }
    if (failure !== undefined) throw failure
    return answer
  }

  program(request: ProgLoadRequest, type: NonNullable<ReturnType<typeof progTypeName>>): VerifyProgram {
    const btf = request.progBtfFd === undefined ? undefined : this.btfs.get(request.progBtfFd)
    const described = new Map<number, MapDescription | undefined>()
    return {
      insns: request.insns,
      type,
      attachType: attachTypeName(request.expectedAttachType ?? 0),
      sleepable: ((request.progFlags ?? 0) & 16) !== 0,
      license: request.license,
      name: request.progName ?? '',
      cpus: this.kernel.possibleCpus,
      map: (fd) => {
        if (!described.has(fd)) described.set(fd, this.describe(fd))
        return described.get(fd)
      },
      btf,
      funcInfo: btf === undefined ? [] : funcInfoOf(request),
      lineInfo: btf === undefined ? [] : lineInfoOf(request, btf),
      kernelBtf: this.vmlinux(),
    }
  }
}

function wordsOf(bytes: Uint8Array | undefined): Uint32Array {
  return bytes === undefined ? new Uint32Array(0) : new Uint32Array(bytes.slice().buffer)
}

function funcInfoOf(request: ProgLoadRequest): FuncInfo[] {
  const words = wordsOf(request.funcInfo)
  const out: FuncInfo[] = []
  for (let i = 0; i + 1 < words.length; i += 2) out.push({ insnOff: words[i] ?? 0, typeId: words[i + 1] ?? 0 })
  return out
}

function lineInfoOf(request: ProgLoadRequest, btf: Btf): LineInfo[] {
  const words = wordsOf(request.lineInfo)
  const out: LineInfo[] = []
  for (let i = 0; i + 3 < words.length; i += 4) {
    const [insnOff = 0, fileNameOff = 0, lineOff = 0, lineCol = 0] = words.subarray(i, i + 4)
    out.push({
      ...{ insnOff, fileNameOff, lineOff },
      fileName: btf.name(fileNameOff),
      text: btf.name(lineOff),
      line: lineCol >>> 10,
      column: lineCol & 1023,
    })
  }
  return out
}
