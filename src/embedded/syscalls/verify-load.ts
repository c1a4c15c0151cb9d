// A program to be loaded, shown to the verifier: what its descriptors stand for, and what becomes of the verdict.

import type { FuncInfo, LineInfo } from '../../btf/index.js'
import {
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_IDX,
  BPF_PSEUDO_MAP_IDX_VALUE,
  BPF_PSEUDO_MAP_VALUE,
  getCode,
  getImm,
  getSrc,
  setImm,
  setSrc,
  slotCount,
} from '../../isa/index.js'
import { type Fd, KernelError, type ProgLoadRequest } from '../../kernel/index.js'
import { MAP_TYPE } from '../../maps/index.js'
import { attachTypeName, progTypeName } from '../../spec/index.js'
import {
  type AttachProgram,
  type MapDescription,
  type Rewritten,
  type VerifiedFunction,
  type VerifyProgram,
  type VerifyResult,
  verify,
} from '../../verifier/index.js'
import type { BpfMap } from '../../vm/index.js'
import { kernelBtf } from '../kernel-btf.js'
import type { Session } from '../session.js'
import type { BtfObject, MapObject, ProgObject } from '../state/objects.js'
import { LD_IMM64 } from './opcodes.js'
import { FUNC_INFO_SIZE, LINE_INFO_SIZE } from './prog-btf.js'
import type { CheckedRequest } from './prog-request.js'

export interface LoadVerdict {
  readonly log: string
  /** Slots some path came to; undefined where no verdict was asked for or none could be given. */
  readonly reached: Uint8Array | undefined
  /** What was found of its functions. */
  readonly functions: readonly VerifiedFunction[]
  /** The program as it is shown to who asks for its translation; undefined where nothing was verified. */
  readonly xlated?: Rewritten | undefined
  /** Instructions processed. */
  readonly processed?: number
}

/** Verifies a program as BPF_PROG_LOAD does; a refusal is thrown with Linux's errno and log. */
export function verifyLoad(
  session: Session,
  r: ProgLoadRequest,
  request: CheckedRequest,
  btf: BtfObject | undefined,
  funcInfo: Uint8Array | undefined,
  lineInfo: Uint8Array | undefined,
): LoadVerdict {
  const { mode } = session.world.verifier
  if (mode === 'off') return { log: '', reached: undefined, functions: [] }
  const logLevel = r.logLevel ?? 0
  const result = verify(question(session, r, request, btf, funcInfo, lineInfo), { logLevel, xlated: true })
  if (result.ok) {
    return {
      log: result.log,
      reached: reachedSlots(r.insns, result.visits),
      functions: result.functions,
      xlated: result.xlated,
      processed: result.stats.insnsProcessed,
    }
  }
  const diagnostic = result.diagnostics[0]
  const message = diagnostic?.message ?? ''
  if (diagnostic?.unsupported === true && mode !== 'strict') {
    const warning = `warning: not verified: ${message.replace(/^not modelled: /, '')}\n`
    return { log: logLevel === 0 ? '' : `${result.log}${warning}`, reached: undefined, functions: [] }
  }
  throw refusal(result, message, logLevel)
}

/** A 1 for every slot of the instructions that some path came to. */
function reachedSlots(insns: Uint8Array, visits: Uint32Array): Uint8Array {
  const reached = Uint8Array.from(visits, (count) => (count > 0 ? 1 : 0))
  for (let slot = 0; slot + 1 < reached.length; slot++) {
    if (getCode(insns, slot) !== LD_IMM64) continue
    reached[slot + 1] = reached[slot] as number
    slot++
  }
  return reached
}

function refusal(result: VerifyResult, message: string, logLevel: number): KernelError {
  const source = result.diagnostics[0]?.source
  const hint = source === undefined ? undefined : `${source.file}:${source.line}: ${source.text}`
  return new KernelError(result.errno ?? 'EINVAL', 'prog_load', {
    ...(message === '' ? {} : { detail: message.split('\n').at(-1) ?? message }),
    ...(logLevel === 0 ? {} : { log: result.log }),
    ...(hint === undefined ? {} : { hint }),
  })
}

function question(
  session: Session,
  r: ProgLoadRequest,
  request: CheckedRequest,
  btf: BtfObject | undefined,
  funcInfo: Uint8Array | undefined,
  lineInfo: Uint8Array | undefined,
): VerifyProgram {
  const { world } = session
  const flags = request.flags
  const described = new Map<number, MapDescription | undefined>()
  const attachBtf = r.attachBtfObjFd ? session.descriptors.object(r.attachBtfObjFd, 'btf', 'prog_load').btf : undefined
  return {
    insns: r.fdArray === undefined ? r.insns : byDescriptor(r.insns, r.fdArray),
    type: request.typeName,
    attachType: attachTypeName(request.expectedAttachType),
    expectedAttachType: request.expectedAttachType,
    attachBtfId: r.attachBtfId ?? 0,
    attachBtf,
    attachProg: r.attachProgFd ? attachProgram(session.prog(r.attachProgFd, 'prog_load')) : undefined,
    strictAlignment: (flags & 1) !== 0,
    sleepable: (flags & 16) !== 0,
    testStateFreq: (flags & 8) !== 0,
    testRegInvariants: (flags & 128) !== 0,
    license: request.license,
    name: r.progName ?? '',
    cpus: world.machine.cpus,
    map: (fd) => {
      if (!described.has(fd)) described.set(fd, mapOf(session, fd))
      return described.get(fd)
    },
    btf: btf?.btf,
    funcInfo: funcInfoOf(funcInfo),
    lineInfo: btf === undefined ? [] : lineInfoOf(lineInfo, btf),
    kernelBtf: kernelBtf().btf,
  }
}

/** The instructions with maps named by descriptor where they are named by place in the array of descriptors. */
function byDescriptor(insns: Uint8Array, fdArray: readonly Fd[]): Uint8Array {
  const copy = insns.slice()
  for (let slot = 0; slot < slotCount(copy); slot++) {
    if (getCode(copy, slot) !== LD_IMM64) continue
    const src = getSrc(copy, slot)
    const fd = fdArray[getImm(copy, slot)]
    if ((src === BPF_PSEUDO_MAP_IDX || src === BPF_PSEUDO_MAP_IDX_VALUE) && fd !== undefined) {
      setSrc(copy, slot, src === BPF_PSEUDO_MAP_IDX ? BPF_PSEUDO_MAP_FD : BPF_PSEUDO_MAP_VALUE)
      setImm(copy, slot, fd)
    }
    slot++
  }
  return copy
}

function mapOf(session: Session, fd: number): MapDescription | undefined {
  try {
    return describe(session, session.map(fd, 'prog_load'))
  } catch (error) {
    if (error instanceof KernelError) return undefined
    throw error
  }
}

function describe(session: Session, object: MapObject): MapDescription {
  const { map, frozen, btf } = object
  return {
    ...shapeOf(map),
    name: object.name,
    frozen,
    contents:
      frozen && map.type === MAP_TYPE.ARRAY && (object.writers ?? 0) === 0 ? contentsOf(session, map) : undefined,
    inner: map.innerMap === undefined ? undefined : innerOf(session, map.innerMap),
    btf: btf?.btf,
    btfKeyTypeId: object.btfKeyTypeId,
    btfValueTypeId: object.btfValueTypeId,
  }
}

function shapeOf(map: BpfMap): Omit<MapDescription, 'name'> {
  const { type, keySize, valueSize, maxEntries, flags } = map
  return { type, keySize, valueSize, maxEntries, flags }
}

/** The shape of inner maps; Linux forgets the template's name. */
function innerOf(session: Session, template: BpfMap): MapDescription {
  const object = session.world.byHandle(template.handle)
  if (object?.kind === 'map' && object.map === template) return { ...describe(session, object), name: '' }
  return { ...shapeOf(template), name: '' }
}

function contentsOf(session: Session, map: BpfMap): Uint8Array | undefined {
  const start = map.elementAt?.(0) ?? 0
  if (start === 0) return undefined
  const { memory } = session.world.machine
  return Uint8Array.from({ length: map.valueSize }, (_, i) => memory.u8[start + i] as number)
}

function attachProgram(target: ProgObject): AttachProgram {
  return {
    type: progTypeName(target.type) ?? 'socket_filter',
    attachType: attachTypeName(target.expectedAttachType),
    btf: target.btf?.btf,
    funcInfo: funcInfoOf(target.funcInfo),
    ...(target.functions.length === 0 ? {} : { functions: target.functions }),
    tracesProgram: target.tracesProgram,
  }
}

function wordsOf(bytes: Uint8Array | undefined): Uint32Array {
  return bytes === undefined ? new Uint32Array(0) : new Uint32Array(bytes.slice().buffer)
}

function funcInfoOf(bytes: Uint8Array | undefined): FuncInfo[] {
  const words = wordsOf(bytes)
  const out: FuncInfo[] = []
  const step = FUNC_INFO_SIZE / 4
  for (let i = 0; i + 1 < words.length; i += step) out.push({ insnOff: words[i] ?? 0, typeId: words[i + 1] ?? 0 })
  return out
}

function lineInfoOf(bytes: Uint8Array | undefined, { btf }: BtfObject): LineInfo[] {
  const words = wordsOf(bytes)
  const out: LineInfo[] = []
  const step = LINE_INFO_SIZE / 4
  for (let i = 0; i + 3 < words.length; i += step) {
    const [insnOff = 0, fileNameOff = 0, lineOff = 0, lineCol = 0] = words.subarray(i, i + 4)
    const [fileName, text] = [btf.name(fileNameOff), btf.name(lineOff)]
    out.push({ insnOff, fileNameOff, lineOff, fileName, text, line: lineCol >>> 10, column: lineCol & 1023 })
  }
  return out
}
