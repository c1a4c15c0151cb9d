import { FormatError } from '../../base/index.js'
import {
  checkInsnFields,
  checkInsnStream,
  decodeInsnAt,
  type ReachableOptions,
  reachableInsns,
  setCode,
  setOff,
  slotCount,
} from '../../isa/index.js'
import { KernelError, type ProgLoadRequest, type ProgLoadResult } from '../../kernel/index.js'
import { MAP_TYPE, programFits } from '../../maps/index.js'
import { type AttachTypeName, allowedHelpers, attachTypeName, helperById, type ProgTypeName } from '../../spec/index.js'
import { hasHelper, OutOfMemoryError, type ProgramImage, UnsupportedError } from '../../vm/index.js'
import type { Session } from '../session.js'
import { progOrigin, recordCreation } from '../snapshot/creation.js'
import type { MapObject, ProgObject } from '../state/objects.js'
import {
  checkCallbacks,
  checkFunctions,
  exceptionCallback,
  functionStarts,
  localTypes,
  programFunctions,
  readFuncInfo,
  readLineInfo,
} from './prog-btf.js'
import { BPF_F_SLEEPABLE, BPF_F_XDP_HAS_FRAGS, checkRequest, checkSleepable } from './prog-request.js'
import { progTag } from './prog-tag.js'
import { refuse } from './refusal.js'
import { type ResolvedInsns, resolveInsns } from './resolve-insns.js'
import { translation } from './translate.js'
import { verifyLoad } from './verify-load.js'

const BPF_F_RDONLY_PROG = 1 << 7
const GOTO = 0x05

/** BPF_PROG_LOAD in the embedded kernel: Linux's checks in Linux's order, then the program is made runnable. */
export function progLoad(session: Session, r: ProgLoadRequest): ProgLoadResult {
  const { result, ...creation } = recordCreation(session.world.machine, () => loadProgram(session, r))
  const { object, log } = result
  object.origin = progOrigin(session, r, creation)
  return { fd: session.open(object), log }
}

function loadProgram(session: Session, r: ProgLoadRequest): { readonly object: ProgObject; readonly log: string } {
  const { world } = session
  const request = checkRequest(session, r)
  const { typeName, flags, license } = request
  // Without records Linux does not look at the descriptor.
  const hasRecords = (r.funcInfo?.length ?? 0) > 0 || (r.lineInfo?.length ?? 0) > 0
  const btf = hasRecords ? session.descriptors.object(r.progBtfFd, 'btf', 'prog_load') : undefined
  const gplCompatible = GPL_LICENSES.has(license)

  const funcInfo = btf && readFuncInfo(btf.btf, r)
  const functions = programFunctions(btf?.btf, funcInfo)
  const callback = exceptionCallback(functions)
  const entries = callback === undefined ? [] : [callback]
  const problem = checkInsnStream(r.insns, { entries })
  if (problem !== undefined) refuse(problem.errno, problem.message, `instruction ${problem.pc}`)
  const starts = functionStarts(r.insns, entries)
  checkFunctions(functions, starts, r.insns)
  const lineInfo = btf && readLineInfo(btf.btf, r, starts)
  const resolved = resolveInsns(session, r.insns, r.fdArray, (id) => world.kfuncName(id))
  const verdict = verifyLoad(session, r, request, btf, funcInfo, lineInfo)
  const reached =
    verdict.reached ??
    reachableInsns(r.insns, {
      entries,
      memory: (slot) => constantMemory(session, resolved.mapValues.get(slot)),
    })
  checkFields(r.insns, reached)
  checkCallbacks(r.insns, reached, functions)
  for (const slot of resolved.absentKfuncs) {
    if (reached[slot] === 1) refuse('EINVAL', 'invalid kernel function call not eliminated in verifier pass')
  }
  const attachType = attachTypeName(request.expectedAttachType)
  checkHelpers(
    resolved.helperCalls.filter(({ slot }) => reached[slot] === 1),
    typeName,
    attachType,
    gplCompatible,
  )

  checkSleepable(request)

  const handle = world.machine.createHandle(undefined)
  const image: ProgramImage = {
    name: r.progName ?? '',
    type: r.progType,
    expectedAttachType: request.expectedAttachType,
    insns: withoutDeadCode(r.insns, reached),
    refs: resolved.refs,
    kfuncs: resolved.kfuncs,
    ...(callback === undefined ? {} : { exceptionCallback: callback }),
    ...(btf === undefined ? {} : { localType: localTypes(btf.btf) }),
    handle,
    verified: verdict.reached !== undefined,
    hasFrags: (flags & BPF_F_XDP_HAS_FRAGS) !== 0,
    sleepable: (flags & BPF_F_SLEEPABLE) !== 0,
  }
  let program: ProgObject['program']
  try {
    program = world.machine.install(image, world.engine)
  } catch (error) {
    world.machine.freeHandle(handle)
    if (error instanceof OutOfMemoryError) throw new KernelError('ENOMEM', 'prog_load')
    if (error instanceof UnsupportedError)
      refuse('EOPNOTSUPP', error.message, error.hint ?? 'run this program with the linux kernel')
    if (error instanceof FormatError) refuse('EINVAL', error.message, error.hint)
    throw error
  }
  // A program that tail-calls through an array must be of the array's kind.
  const misfit = resolved.maps.find(({ map }) => map.type === MAP_TYPE.PROG_ARRAY && !programFits(map, image))
  if (misfit !== undefined) {
    world.machine.freeHandle(handle)
    throw new KernelError('EINVAL', 'prog_load', {
      hint: `the programs in '${misfit.name}' are of another type or attach type`,
    })
  }
  const object: ProgObject = {
    kind: 'prog',
    id: world.progs.reserve(),
    references: 1,
    program,
    name: r.progName ?? '',
    type: r.progType,
    expectedAttachType: request.expectedAttachType,
    tag: progTag(r.insns),
    license,
    gplCompatible,
    insns: r.insns.slice(),
    source: resolved.xlated,
    translation:
      verdict.xlated === undefined
        ? { insns: resolved.xlated, funcInfo, lineInfo, lineSlots: undefined }
        : translation(session, verdict.xlated, funcInfo, lineInfo),
    verifiedInsns: verdict.processed ?? 0,
    maps: resolved.maps.map((map) => world.get(map)),
    btf: btf && world.get(btf),
    funcInfo,
    lineInfo,
    functions: verdict.functions,
    tracesProgram: typeName === 'tracing' && (r.attachProgFd ?? 0) !== 0,
    loadTime: world.machine.clock.boottime(),
    flags,
    hasFrags: image.hasFrags,
    boundTo: request.boundTo,
    runCount: 0n,
    runTimeNs: 0n,
  }
  world.add(object)
  return { object, log: verdict.log }
}

/** Licenses that make a program GPL compatible (linux/license.h). */
const GPL_LICENSES: ReadonlySet<string> = new Set([
  'GPL',
  'GPL v2',
  'GPL and additional rights',
  'Dual BSD/GPL',
  'Dual MIT/GPL',
  'Dual MPL/GPL',
])

/** Fields and registers of the instructions that a run can come to: Linux does not look at the others. */
function checkFields(insns: Uint8Array, reached: Uint8Array): void {
  for (let slot = 0; slot < slotCount(insns); slot++) {
    const insn = decodeInsnAt(insns, slot)
    const problem = reached[slot] === 1 ? checkInsnFields(insn) : undefined
    if (problem !== undefined) refuse(problem.errno, problem.message, `instruction ${problem.pc}`)
    if (insn.imm64 !== undefined) slot++
  }
}

function checkHelpers(
  calls: ResolvedInsns['helperCalls'],
  typeName: ProgTypeName,
  attachType: AttachTypeName | undefined,
  gplCompatible: boolean,
): void {
  const allowed = allowedHelpers(typeName, attachType)
  for (const { slot, id } of calls) {
    const helper = helperById(id)
    if (helper === undefined) refuse('EINVAL', `invalid func unknown#${id}`)
    if (!allowed.has(helper.name)) {
      refuse(
        'EINVAL',
        `program of this type cannot use helper bpf_${helper.name}#${id}`,
        `instruction ${slot} of a ${typeName} program calls it`,
      )
    }
    if (helper.gplOnly && !gplCompatible) {
      refuse(
        'EINVAL',
        'cannot call GPL-restricted function from non-GPL compatible program',
        `instruction ${slot} calls bpf_${helper.name}; the license is not a GPL compatible one`,
      )
    }
    if (!hasHelper(helper.name)) {
      refuse(
        'EOPNOTSUPP',
        `the embedded kernel has no bpf_${helper.name}#${id}`,
        `instruction ${slot} calls it; run this program with the linux kernel`,
      )
    }
  }
}

/** The value that a ld_imm64 points into, if nobody can change it any more: Linux takes its bytes as constants. */
function constantMemory(
  session: Session,
  object: MapObject | undefined,
): ReturnType<NonNullable<ReachableOptions['memory']>> {
  if (object === undefined || !object.frozen || (object.map.flags & BPF_F_RDONLY_PROG) === 0) return undefined
  if ((object.writers ?? 0) > 0) return undefined
  const { memory } = session.world.machine
  const start = object.map.elementAt?.(0) ?? 0
  const { valueSize } = object.map
  if (start === 0) return undefined
  return (offset, size) => {
    if (offset < 0 || offset + size > valueSize) return undefined
    let value = 0n
    for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(memory.u8[start + offset + i] as number)
    return value
  }
}

/** A copy in which what no run comes to is `goto -1`: it may hold calls of what there is not. */
function withoutDeadCode(insns: Uint8Array, reached: Uint8Array): Uint8Array {
  const copy = insns.slice()
  for (let slot = 0; slot < slotCount(insns); slot++) {
    if (reached[slot] === 1) continue
    copy.fill(0, slot * 8, slot * 8 + 8)
    setCode(copy, slot, GOTO)
    setOff(copy, slot, -1)
  }
  return copy
}
