import { cString, ERRNO } from '../../base/index.js'
import {
  errorCode,
  type Fd,
  KernelError,
  type ProgLoadRequest,
  type ProgLoadResult,
  type TestRunRequest,
  type TestRunResult,
} from '../../kernel/index.js'
import type { LinuxSession } from '../session.js'
import { progInfo } from './info.js'

const LOG_START = 1 << 16
const LOG_MAX = (1 << 30) - 1

function loadOnce(session: LinuxSession, r: ProgLoadRequest, logLevel: number, logSize: number) {
  const attr = session
    .attr()
    .u32(0, r.progType)
    .u32(4, r.insns.length >>> 3)
    .bytes(8, r.insns)
    .text(16, r.license)
    .u32(40, r.kernVersion)
    .u32(44, r.progFlags)
    .name(48, r.progName)
    .u32(64, r.progIfindex)
    .u32(68, r.expectedAttachType)
    .u32(72, r.progBtfFd)
    .u32(108, r.attachBtfId)
    .u32(112, r.attachProgFd ?? r.attachBtfObjFd)
    .u32(144, r.progTokenFd)
  if (r.funcInfo !== undefined && r.funcInfoRecSize) {
    attr
      .u32(76, r.funcInfoRecSize)
      .bytes(80, r.funcInfo)
      .u32(88, r.funcInfo.length / r.funcInfoRecSize)
  }
  if (r.lineInfo !== undefined && r.lineInfoRecSize) {
    attr
      .u32(92, r.lineInfoRecSize)
      .bytes(96, r.lineInfo)
      .u32(104, r.lineInfo.length / r.lineInfoRecSize)
  }
  if (r.coreRelos !== undefined && r.coreReloRecSize) {
    attr
      .u32(116, r.coreRelos.length / r.coreReloRecSize)
      .bytes(128, r.coreRelos)
      .u32(136, r.coreReloRecSize)
  }
  if (r.fdArray !== undefined) {
    attr.bytes(120, new Uint8Array(Uint32Array.from(r.fdArray).buffer))
  }
  const log = logLevel === 0 ? undefined : attr.u32(24, logLevel).u32(28, logSize).out(32, logSize)
  const result = attr.try(5)
  return { result, log: log === undefined ? '' : cString(log), wanted: attr.getU32(140) }
}

/** BPF_PROG_LOAD. A log that does not fit is asked for again with room for it: a small buffer fails a good program. */
export function progLoad(session: LinuxSession, r: ProgLoadRequest): ProgLoadResult {
  const level = r.logLevel ?? 0
  let size = r.logSize ?? LOG_START
  for (let attempt = 0; ; attempt++) {
    const { result, log, wanted } = loadOnce(session, r, level, size)
    if (result >= 0) return { fd: session.own(result as Fd), log }
    if (result === -ERRNO.ENOSPC && level !== 0 && size < LOG_MAX) {
      size = Math.min(LOG_MAX, Math.max(wanted + 1, size * 4))
      continue
    }
    if (result === -ERRNO.EAGAIN && attempt < 5) continue
    throw new KernelError(result, 'prog_load', log === '' ? {} : { log, detail: lastLine(log) })
  }
}

/** The verifier's last telling line: the one before its statistics. */
function lastLine(log: string): string {
  const lines = log
    .trimEnd()
    .split('\n')
    .filter((line) => !/^(processed \d+ insns|verification time|stack depth)/.test(line))
  return lines.at(-1) ?? ''
}

/**
 * BPF_PROG_TEST_RUN. Where the caller does not say how much context comes back it is as much as went in; types that take a
 * context but have no room for one coming back (raw_tracepoint, syscall) are asked again without, as `ctxSizeOut: 0`.
 */
export function progTestRun(session: LinuxSession, r: TestRunRequest): TestRunResult {
  try {
    return testRunOnce(session, r)
  } catch (error) {
    const type = errorCode(error) === 'EINVAL' && r.ctxSizeOut === undefined ? progType(session, r.progFd) : undefined
    if (r.ctxIn === undefined || (type !== RAW_TRACEPOINT && type !== SYSCALL)) throw error
    session.arena.reset()
    return testRunOnce(session, { ...r, ctxSizeOut: 0 }, type === SYSCALL)
  }
}

/** How much longer a program can make a packet: up to the MTU of the loopback device and a header. */
const GROWTH = 0x1_1000
const RAW_TRACEPOINT = 17
const SYSCALL = 31

function progType(session: LinuxSession, progFd: Fd): number {
  session.arena.reset()
  return progInfo(session, progFd, false).type
}

/** `ctxInPlace`: the kernel writes the context back to where it was read from. */
function testRunOnce(session: LinuxSession, r: TestRunRequest, ctxInPlace = false): TestRunResult {
  // Programs may grow the packet: without a size from the caller leave room for everything Linux allows.
  const dataSize = r.dataSizeOut ?? (r.dataIn === undefined ? 0 : r.dataIn.length + GROWTH)
  const ctxSize = r.ctxSizeOut ?? (r.ctxIn === undefined ? 0 : r.ctxIn.length)
  const attr = session
    .attr()
    .u32(0, r.progFd)
    .u32(8, r.dataIn?.length)
    .u32(12, dataSize)
    .bytes(16, r.dataIn)
    .u32(32, r.repeat)
    .u32(40, r.ctxIn?.length)
    .u32(44, ctxSize)
    .u32(64, r.flags)
    .u32(68, r.cpu)
    .u32(72, r.batchSize)
  const ctxIn = r.ctxIn === undefined ? undefined : attr.out(48, r.ctxIn.length)
  ctxIn?.set(r.ctxIn as Uint8Array)
  const data = dataSize > 0 ? attr.output(24, dataSize) : undefined
  const ctx = ctxSize > 0 ? attr.out(56, ctxSize) : undefined
  attr.call(10, 'prog_test_run')
  return {
    retval: attr.getU32(4),
    duration: attr.getU32(36),
    dataOut: data?.slice(0, Math.min(dataSize, attr.getU32(12))) ?? new Uint8Array(0),
    ctxOut: (ctxInPlace ? ctxIn?.slice() : ctx?.slice(0, Math.min(ctxSize, attr.getU32(44)))) ?? new Uint8Array(0),
  }
}
