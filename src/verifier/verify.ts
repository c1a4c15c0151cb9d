// The door: a program in, Linux's verdict out.

import { resolve } from '../btf/index.js'
import { checkInsnStream, decodeInsns, type Insn } from '../isa/index.js'
import { PROG_TYPES, type ProgType, ruleOfMessage, tellingLine } from '../spec/index.js'
import { acquireReference } from './call/effects.js'
import { argsOf, entryReg, isUnfit } from './call/func-args.js'
import { kfuncResolver } from './call/kfunc-meta.js'
import { findFastcalls, shrinkStacks } from './cfg/fastcall.js'
import { findSubprogs, markFlow } from './cfg/flow.js'
import { findLiveRegisters, printLiveRegisters } from './cfg/live-registers.js'
import { findLoops } from './cfg/loops.js'
import { checkAttachTarget } from './check/attach-target.js'
import { type BtfInfoProblem, checkFuncLayout, checkFuncRecords, checkLineRecords } from './check/btf-info.js'
import { exceptionCallbackEntry } from './check/exception-callback.js'
import { checkMaps } from './check/maps.js'
import { checkStackDepth } from './check/stack-depth.js'
import { refusePrivileged } from './check/unprivileged.js'
import { Env, type Subprog } from './env.js'
import { LoopVisits } from './explore/loop-visits.js'
import { walk } from './explore/walk.js'
import { VerifierLog } from './log/verifier-log.js'
import { Refusal } from './refusal.js'
import { rewrite } from './rewrite/rewrite.js'
import { pointerReg } from './state/reg.js'
import { Frame, State } from './state/state.js'
import type { Diagnostic, VerifiedFunction, VerifyOptions, VerifyProgram, VerifyResult } from './types.js'

/**
 * Linux's verdict on a program (bpf_check()). Pure: whatever the bytes are, the answer is a result; nothing is thrown.
 * `log` is Linux's text at `logLevel`, `diagnostics` what stands in the way.
 */
export function verify(program: VerifyProgram, options: VerifyOptions = {}): VerifyResult {
  const level = options.logLevel ?? 1
  // The log of level 1 holds the path that failed: it is worth printing only when it is known that one does.
  const quick = (level & 3) === 1 ? verifyOnce(program, options, true) : undefined
  return quick ?? (verifyOnce(program, options, false) as VerifyResult)
}

/** One walk; undefined where it failed and printed nothing. */
function verifyOnce(program: VerifyProgram, options: VerifyOptions, muted: boolean): VerifyResult | undefined {
  const log = new VerifierLog(options.logLevel ?? 1)
  const type: ProgType = PROG_TYPES[program.type]
  let env: Env | undefined
  try {
    if (program.capabilities?.perfmon === false) refusePrivileged(program)
    refuseRecords(log, checkFuncRecords(program.btf, program.funcInfo ?? []))
    const resolvePseudo = kfuncResolver(program)
    const exception = findExceptionCallback(program, log)
    const entries = exception === undefined ? [] : [exception]
    const { insns: bytes, btf, funcInfo = [], lineInfo = [] } = program
    const stages = {
      found: (starts: readonly number[]) => {
        if ((log.level & 2) === 0) return
        starts.forEach((start, i) => {
          log.write(`func#${i} @${start}\n`)
        })
      },
      laidOut: (starts: readonly number[]) => {
        refuseRecords(log, checkFuncLayout(btf, funcInfo, starts, bytes))
        refuseRecords(log, checkLineRecords(btf, lineInfo, starts, bytes))
      },
      decoded: () => {
        const insns: (Insn | undefined)[] = new Array(bytes.length / 8).fill(undefined)
        for (const insn of decodeInsns(bytes)) insns[insn.pc] = insn
        env = new Env(program, type, insns, log)
        env.exceptionEntry = exception ?? -1
        if (options.maxInsns !== undefined) env.maxInsns = options.maxInsns
        env.onState = options.onState
        env.exhaustive = options.exhaustive === true
        env.mutesWalk = muted
        findSubprogs(env)
        checkMaps(env)
      },
    }
    const problem = checkInsnStream(bytes, { resolvePseudo, entries, stages })
    if (problem !== undefined) {
      if (problem.rule !== 'size') log.write(`${problem.message}\n`)
      throw Object.assign(new Refusal(problem.message, problem.errno), { pc: problem.pc })
    }
    if (env === undefined) throw new Refusal('the program was not decoded', 'EFAULT', true)
    run(env)
    const functions = functionsOf(env)
    const verdict = {
      ok: true,
      errno: undefined,
      log: finishLog(env, log),
      diagnostics: [],
      functions,
      ...countsOf(env),
    }
    return options.xlated === true ? { ...verdict, xlated: rewrite(env) } : verdict
  } catch (error) {
    if (log.muted) return undefined
    const known = error instanceof Refusal ? error : undefined
    const message = known?.message ?? `internal error of the verifier: ${String(error)}`
    const errno = known?.errno ?? 'EFAULT'
    const rule = ruleOfMessage(tellingLine(message))?.rule
    const diagnostic: Diagnostic = {
      ...{ message, errno, pc: env?.insnIdx ?? 0 },
      unsupported: known === undefined || known.unsupported,
      source: env === undefined ? undefined : sourceOf(env),
      ...{ ruleId: rule?.id, hint: rule?.hint, check: rule?.check },
    }
    return { ok: false, errno, log: finishLog(env, log), diagnostics: [diagnostic], functions: [], ...countsOf(env) }
  }
}

/** What programs that trace or replace a function are told of it. */
function functionsOf(env: Env): VerifiedFunction[] {
  return env.subprogs.map((subprog, i) => ({
    unreliable: subprog.unreliable || !subprog.global || (i === 0 && !takesContextOnly(env)),
    changesPacket: subprog.changesPacket,
    mightSleep: subprog.mightSleep,
    exceptionCallback: subprog.start === env.exceptionEntry,
  }))
}

/** The main program is declared as what it is. */
function takesContextOnly(env: Env): boolean {
  const args = argsOf(env, 0)
  return !isUnfit(args) && args.length === 1 && args[0]?.kind === 'ctx'
}

/** Function and line records Linux does not take. */
function refuseRecords(log: VerifierLog, found: BtfInfoProblem | undefined): void {
  if (found === undefined) return
  log.write(found.open === true ? found.message : `${found.message}\n`)
  throw new Refusal(found.message, found.errno)
}

function findExceptionCallback(program: VerifyProgram, log: VerifierLog): number | undefined {
  try {
    return exceptionCallbackEntry(program)
  } catch (error) {
    if (error instanceof Refusal) log.write(`${error.message}\n`)
    throw error
  }
}

function sourceOf(env: Env): Diagnostic['source'] {
  const at = env.lineOfSlot?.[env.insnIdx] ?? -1
  const line = at < 0 ? undefined : env.prog.lineInfo?.[at]
  return line === undefined ? undefined : { file: line.fileName, line: line.line, text: line.text.trim() }
}

function countsOf(env: Env | undefined): Pick<VerifyResult, 'stats' | 'visits'> {
  return { stats: statsOf(env), visits: env?.visits ?? new Uint32Array(0) }
}

function statsOf(env: Env | undefined): VerifyResult['stats'] {
  return {
    insnsProcessed: env?.insnsProcessed ?? 0,
    totalStates: env?.totalStates ?? 0,
    peakStates: env?.peakStates ?? 0,
    maxStatesPerInsn: env?.maxStatesPerInsn ?? 0,
  }
}

function finishLog(env: Env | undefined, log: VerifierLog): string {
  const { insnsProcessed, totalStates, peakStates, maxStatesPerInsn } = statsOf(env)
  log.write(
    `processed ${insnsProcessed} insns (limit 1000000) max_states_per_insn ${maxStatesPerInsn} total_states ${totalStates} peak_states ${peakStates} mark_read 0\n`,
  )
  return log.text
}

function run(env: Env): void {
  const { log } = env
  indexLines(env)
  markFlow(env)
  checkAttachTarget(env)
  joinTarget(env)
  env.fastcalls = findFastcalls(env)
  findLiveRegisters(env)
  env.loopVisits = new LoopVisits(env, findLoops(env))
  if ((log.level & 2) !== 0) printLiveRegisters(env)
  checkSubprog(env, 0)
  for (let again = true; again; ) {
    again = false
    env.subprogs.forEach((subprog, i) => {
      if (i === 0 || !subprog.global || !subprog.called || subprog.stackDepth < 0 || verified.get(env)?.has(i)) return
      const done = verified.get(env) ?? new Set()
      done.add(i)
      verified.set(env, done)
      checkSubprog(env, i)
      again = true
      if (log.traces) log.write(`Func#${i} ('${subprog.name}') is safe for any args that match its prototype\n`)
    })
  }
  shrinkStacks(env)
  checkStackDepth(env)
}

/** An extension is verified as if it were a program of the type it joins. */
function joinTarget(env: Env): void {
  const { attachProg, type } = env.prog
  if (type !== 'ext' || attachProg === undefined) return
  env.prog = { ...env.prog, type: attachProg.type, attachType: attachProg.attachType }
  env.type = PROG_TYPES[attachProg.type]
  env.extension = true
  env.target = undefined
}

const verified = new WeakMap<Env, Set<number>>()

function indexLines(env: Env): void {
  const lines = env.prog.lineInfo
  if (lines === undefined) return
  const map = new Int32Array(env.insns.length).fill(-1)
  let current = -1
  const byOffset = new Map(lines.map((line, i) => [line.insnOff, i]))
  for (let slot = 0; slot < map.length; slot++) {
    current = byOffset.get(slot) ?? current
    map[slot] = current
  }
  env.lineOfSlot = map
}

function checkSubprog(env: Env, index: number): void {
  const subprog = env.subprogs[index] as Subprog
  env.explored = new Map()
  env.lastLine = -1
  const state = new State()
  state.branches = 1
  state.sleepable = env.prog.sleepable === true
  const frame = new Frame(0, index, -1)
  state.frames.push(frame)
  env.state = state
  env.insnIdx = subprog.start
  state.firstInsn = subprog.start
  const start = env.log.position
  if (index > 0 || env.extension) {
    env.log.write(`Validating ${subprog.name}() func#${index}...\n`)
    setArguments(env, frame, index)
    if (subprog.exceptionCallback) checkExceptionCallback(env, subprog)
  } else {
    frame.regs[1] = pointerReg('ctx')
    for (const arg of env.structOps?.args ?? []) if (arg.refcounted) arg.refObjId = acquireReference(env)
    noteMainArguments(env)
  }
  env.scratchAll()
  env.log.muted = env.mutesWalk
  walk(env)
  env.log.muted = false
  if ((env.log.level & 2) === 0) env.log.reset(start)
}

function checkExceptionCallback(env: Env, subprog: Subprog): void {
  const { btf } = env.prog
  const proto = btf?.type(subprog.protoId)
  if (btf === undefined || proto?.kind !== 'func_proto') return
  const [cookie] = proto.params
  const { kind } = cookie === undefined ? { kind: 'void' } : resolve(btf, cookie.type)
  const number = kind === 'int' || kind === 'enum' || kind === 'enum64'
  if (proto.params.length !== 1 || !number) env.refuse('exception cb only supports single integer argument')
}

/** Linux looks at the main program's arguments too, and only remarks on what it does not like. */
function noteMainArguments(env: Env): void {
  const { btf, funcInfo } = env.prog
  if (btf === undefined || (funcInfo?.length ?? 0) === 0) return
  const found = argsOf(env, 0)
  if (isUnfit(found) && found.message !== '') env.log.write(`${found.message}\n`)
}

function setArguments(env: Env, frame: Frame, index: number): void {
  const found = argsOf(env, index)
  if (isUnfit(found)) {
    if (found.message === '') env.refuseSilently('Invalid argument', found.errno)
    env.refuse(found.message, found.errno)
  }
  found.forEach((arg, i) => {
    frame.regs[i + 1] = entryReg(env, arg)
  })
}
