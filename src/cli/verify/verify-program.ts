// From a prog_load request to what the verifier is asked.

import type { Btf, FuncInfo, LineInfo } from '../../btf/index.js'
import type { ProgLoadRequest } from '../../kernel/index.js'
import {
  type AttachTypeName,
  attachTypeName,
  PROG_TYPES,
  type ProgType,
  type ProgTypeName,
  progTypeName,
} from '../../spec/index.js'
import type { AttachProgram, MapDescription, VerifyProgram } from '../../verifier/index.js'

/** What the descriptors in a request stand for. */
export interface Surroundings {
  readonly cpus: number
  map(fd: number): MapDescription | undefined
  btf(fd: number): Btf | undefined
  readonly vmlinux: Btf | undefined
  /** Whether the kernel has a symbol of this name. */
  readonly hasSymbol?: ((name: string) => boolean) | undefined
  /** A loaded program another one is bound to. */
  program?(fd: number): AttachProgram | undefined
}

/** The question to the verifier; undefined where the program type is none. */
export function verifyProgramOf(request: ProgLoadRequest, surroundings: Surroundings): VerifyProgram | undefined {
  const type = progTypeName(request.progType)
  if (type === undefined) return undefined
  const btf = request.progBtfFd === undefined ? undefined : surroundings.btf(request.progBtfFd)
  const described = new Map<number, MapDescription | undefined>()
  return {
    insns: request.insns,
    type,
    attachType: effectiveAttachType(type, request.expectedAttachType ?? 0),
    expectedAttachType: request.expectedAttachType ?? 0,
    attachBtfId: request.attachBtfId ?? 0,
    attachBtf: request.attachBtfObjFd === undefined ? undefined : surroundings.btf(request.attachBtfObjFd),
    attachProg: request.attachProgFd === undefined ? undefined : surroundings.program?.(request.attachProgFd),
    strictAlignment: ((request.progFlags ?? 0) & 1) !== 0,
    sleepable: ((request.progFlags ?? 0) & 16) !== 0,
    testStateFreq: ((request.progFlags ?? 0) & 8) !== 0,
    testRegInvariants: ((request.progFlags ?? 0) & 128) !== 0,
    license: request.license,
    name: request.progName ?? '',
    cpus: surroundings.cpus,
    map: (fd) => {
      if (!described.has(fd)) described.set(fd, surroundings.map(fd))
      return described.get(fd)
    },
    btf,
    funcInfo: btf === undefined ? [] : funcInfoOf(request),
    lineInfo: btf === undefined ? [] : lineInfoOf(request, btf),
    kernelBtf: surroundings.vmlinux,
    ...(surroundings.hasSymbol === undefined ? {} : { hasSymbol: surroundings.hasSymbol }),
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

/** The attach type a program is verified for: some types have another default than 0. */
function effectiveAttachType(type: ProgTypeName, given: number): AttachTypeName | undefined {
  const { expectedAttachDefault }: ProgType = PROG_TYPES[type]
  return given === 0 && expectedAttachDefault !== undefined ? expectedAttachDefault : attachTypeName(given)
}

/** Offsets are the program's to get wrong. */
function textAt(btf: Btf, offset: number): string {
  return offset < btf.stringLength ? btf.name(offset) : ''
}

function lineInfoOf(request: ProgLoadRequest, btf: Btf): LineInfo[] {
  const words = wordsOf(request.lineInfo)
  const out: LineInfo[] = []
  for (let i = 0; i + 3 < words.length; i += 4) {
    const [insnOff = 0, fileNameOff = 0, lineOff = 0, lineCol = 0] = words.subarray(i, i + 4)
    out.push({
      ...{ insnOff, fileNameOff, lineOff },
      fileName: textAt(btf, fileNameOff),
      text: textAt(btf, lineOff),
      line: lineCol >>> 10,
      column: lineCol & 1023,
    })
  }
  return out
}
