// What a case asks: the load request for Linux, and the question to our verifier.

import { type Btf, encodeFuncInfo, parseBtf } from '#src/btf/index.js'
import { verifyProgramOf } from '#src/cli/verify/verify-program.js'
import { assemble } from '#src/isa/index.js'
import { type Fd, type Kernel, KernelError, type ProgLoadRequest } from '#src/kernel/index.js'
import { bpf_attach_type, bpf_map_create_flags, helperByName, mapTypeByName, progTypeId } from '#src/spec/index.js'
import type { MapDescription, VerifyProgram } from '#src/verifier/index.js'
import { btfOfC, type CaseBtf } from './case-btf.js'
import type { CaseFile, Recorded } from './case-file.js'

interface CaseMap extends MapDescription {
  readonly innerName: string | undefined
  readonly bytes: Uint8Array | undefined
  /** map_extra. */
  readonly extra: bigint | undefined
}

function mapOf(
  line: string,
  btf: CaseBtf | undefined,
  parsed: Btf | undefined,
  earlier: Map<string, CaseMap>,
): CaseMap {
  const [name = '', type = '', ...words] = line.replaceAll('struct ', 'struct:').split(/\s+/)
  const row = mapTypeByName(type)
  if (row === undefined) throw new Error(`no map type is called '${type}'`)
  const made: Record<string, unknown> = {
    ...{ name, type: row.id, keySize: 0, valueSize: 0, maxEntries: 0, flags: 0, frozen: false },
  }
  for (const word of words) {
    const [key = '', value = ''] = word.split('=')
    const sized = (): { id: number; size: number } => {
      if (/^\d+$/.test(value)) return { id: 0, size: Number(value) }
      if (btf === undefined) throw new Error(`map ${name}: '${value}' needs a section c`)
      return btf.type(value.replace(':', ' '))
    }
    if (key === 'key' || key === 'value') {
      const { id, size } = sized()
      made[`${key}Size`] = size
      if (id === 0) continue
      made.btf = parsed
      made[key === 'key' ? 'btfKeyTypeId' : 'btfValueTypeId'] = id
    } else if (key === 'entries') made.maxEntries = Number(value)
    else if (key === 'extra') made.extra = BigInt(value)
    else if (key === 'frozen') made.frozen = true
    else if (key === 'contents') made.bytes = Uint8Array.from(Buffer.from(value, 'hex'))
    else if (key === 'inner') {
      made.innerName = value
      const inner = earlier.get(value)
      if (inner !== undefined) made.inner = { ...inner, name: '' }
    } else if (key === 'flags') {
      for (const flag of value.split(',')) {
        const bit = (bpf_map_create_flags as Record<string, number>)[`BPF_F_${flag.toUpperCase()}`]
        if (bit === undefined) throw new Error(`no map flag is called '${flag}'`)
        made.flags = (made.flags as number) | bit
      }
    } else throw new Error(`map ${name}: what is '${word}'?`)
  }
  const map = made as unknown as CaseMap
  const isArray = row.name === 'array'
  return { ...map, contents: map.frozen && isArray ? (map.bytes ?? new Uint8Array(map.valueSize)) : undefined }
}

interface Built {
  readonly request: ProgLoadRequest
  readonly program: VerifyProgram
}

/** A case made ready: its maps, its BTF, and the request for given descriptors. */
export class CaseProgram {
  readonly #case: CaseFile
  readonly #vmlinux: Btf | undefined
  readonly btf: CaseBtf | undefined
  readonly #parsed: Btf | undefined
  readonly maps = new Map<string, CaseMap>()

  constructor(of: CaseFile, vmlinux: Btf | undefined) {
    this.#case = of
    this.#vmlinux = vmlinux
    this.btf = of.c.trim() === '' ? undefined : btfOfC(of.c)
    this.#parsed = this.btf === undefined ? undefined : parseBtf(this.btf.bytes)
    for (const line of of.maps) {
      const map = mapOf(line, this.btf, this.#parsed, this.maps)
      this.maps.set(map.name, map)
    }
  }

  /** The question with made-up descriptors. */
  question(): VerifyProgram {
    const fds = new Map([...this.maps.keys()].map((name, i) => [name, 100 + i]))
    return this.build(fds, this.btf === undefined ? undefined : (99 as Fd)).program
  }

  build(fds: ReadonlyMap<string, number>, btfFd: Fd | undefined): Built {
    const [type = '', ...words] = this.#case.prog.split(/\s+/)
    const id = progTypeId(type as never)
    if (id === undefined) throw new Error(`no program type is called '${type}'`)
    let license = 'GPL'
    let flags = 0
    let attach = 0
    let target: number | undefined
    for (const word of words) {
      const attachId = (bpf_attach_type as Record<string, number>)[`BPF_${word.toUpperCase()}`]
      if (word.startsWith('license=')) license = word.slice(8)
      else if (word === 'sleepable') flags |= 16
      else if (word === 'strict_alignment') flags |= 1
      else if (word === 'any_alignment') flags |= 2
      else if (word.startsWith('to=')) target = this.#kernelType(word.slice(3))
      else if (attachId !== undefined) attach = attachId
      else throw new Error(`program: what is '${word}'?`)
    }
    const insns = this.#assemble(fds)
    const starts = this.#functions()
    const request: ProgLoadRequest = {
      ...{ progType: id, insns, license, progFlags: flags, expectedAttachType: attach, progName: 'case' },
      ...(target === undefined ? {} : { attachBtfId: target }),
      ...(btfFd === undefined ? {} : { progBtfFd: btfFd }),
      ...(starts.length === 0 ? {} : { funcInfo: encodeFuncInfo(starts), funcInfoRecSize: 8 }),
    }
    const byFd = new Map([...fds].map(([name, fd]) => [fd, this.maps.get(name)]))
    const program = verifyProgramOf(request, {
      cpus: 2,
      map: (fd) => byFd.get(fd),
      btf: () => this.#parsed,
      vmlinux: this.#vmlinux,
    })
    if (program === undefined) throw new Error(`no program type has the number ${id}`)
    return { request, program }
  }

  #kernelType(name: string): number {
    const id = this.#vmlinux?.findAllByName(name).at(-1)
    if (id === undefined) throw new Error(`the kernel's BTF has no '${name}'`)
    return id
  }

  #assemble(fds: ReadonlyMap<string, number>): Uint8Array {
    return assemble(this.#case.asm, {
      resolveHelper: (name) => helperByName(name.replace(/^bpf_/, ''))?.id,
      resolveSymbol: (name) => {
        const [, map = '', offset] = /^(\w+)(?:\[(\d+)\])?$/.exec(name) ?? []
        const fd = fds.get(map)
        if (fd !== undefined) {
          return offset === undefined
            ? { value: BigInt(fd), src: 1 }
            : { value: BigInt(fd) | (BigInt(offset) << 32n), src: 2 }
        }
        const bad = /^map\[fd:(\d+)\]$/.exec(name)
        if (bad !== null) return { value: BigInt(bad[1] ?? 0), src: 1 }
        const isVariable = name.startsWith('ksym:')
        const ids = this.#vmlinux?.findAllByName(isVariable ? name.slice(5) : name) ?? []
        const kernelId = ids.find((each) => this.#vmlinux?.type(each).kind === (isVariable ? 'var' : 'func'))
        return kernelId === undefined ? undefined : { value: BigInt(kernelId), src: isVariable ? 3 : 2 }
      },
    })
  }

  /** Functions with prototypes, by where their labels stand. */
  #functions(): { insnOff: number; typeId: number }[] {
    if (this.btf === undefined || this.btf.funcs.size === 0) return []
    const fds = new Map([...this.maps.keys()].map((name, i) => [name, 100 + i]))
    const out: { insnOff: number; typeId: number }[] = []
    for (const [name, typeId] of this.btf.funcs) {
      const at = this.#case.asm.search(new RegExp(`^${name}:`, 'm'))
      if (at < 0) throw new Error(`no label '${name}' for the function of that name`)
      // Labels ahead are dropped: what stands before the label assembles to as many slots as lie before it.
      const before = this.#case.asm.slice(0, at)
      out.push({ insnOff: this.#slotsOf(before, fds), typeId })
    }
    return out.sort((a, b) => a.insnOff - b.insnOff)
  }

  #slotsOf(before: string, fds: ReadonlyMap<string, number>): number {
    const all = [...this.#case.asm.matchAll(/^([A-Za-z_.$][\w.$]*):/gm)].map(([, name = '']) => name)
    const defined = new Set([...before.matchAll(/^([A-Za-z_.$][\w.$]*):/gm)].map(([, name = '']) => name))
    const rest = all.filter((name) => !defined.has(name)).map((name) => `${name}:`)
    const short: CaseFile = { ...this.#case, asm: `${before}\n${rest.join('\n')}\nexit\n` }
    return new CaseProgram({ ...short, c: '', maps: [] }, this.#vmlinux).#assemble(fds).length / 8 - 1
  }
}

/** Whether the case can only be asked where the kernel's BTF is at hand. */
export function needsKernelBtf({ asm, prog }: CaseFile): boolean {
  if (/\bto=/.test(prog) || /ksym:/.test(asm)) return true
  const labels = new Set([...asm.matchAll(/^([A-Za-z_.$][\w.$]*):/gm)].map(([, name]) => name))
  return [...asm.matchAll(/\bcall ([A-Za-z_]\w*)/g)].some(
    ([, name = '']) => !labels.has(name) && helperByName(name.replace(/^bpf_/, '')) === undefined,
  )
}

const LOG_LINES = 80

/** Linux's answer to a case. */
export function askLinux(kernel: Kernel, of: CaseFile, vmlinux: Btf | undefined): Recorded {
  const made = new CaseProgram(of, vmlinux)
  const fds = new Map<string, Fd>()
  const open: Fd[] = []
  try {
    let btfFd: Fd | undefined
    if (made.btf !== undefined) {
      btfFd = (kernel.call('btf_load', { btf: made.btf.bytes }) as { fd: Fd }).fd
      open.push(btfFd)
    }
    for (const [name, map] of made.maps) {
      const inner = map.innerName === undefined ? undefined : fds.get(map.innerName)
      const fd = kernel.call('map_create', {
        ...{ mapName: name, mapType: map.type, keySize: map.keySize, valueSize: map.valueSize },
        ...{ maxEntries: map.maxEntries, mapFlags: map.flags },
        ...(inner === undefined ? {} : { innerMapFd: inner }),
        ...(map.extra === undefined ? {} : { mapExtra: map.extra }),
        ...(map.btf === undefined || btfFd === undefined ? {} : { btfFd }),
        ...{ btfKeyTypeId: map.btfKeyTypeId ?? 0, btfValueTypeId: map.btfValueTypeId ?? 0 },
      })
      fds.set(name, fd)
      open.push(fd)
      if (map.bytes !== undefined) {
        kernel.call('map_update_elem', { mapFd: fd, key: new Uint8Array(4), value: map.bytes })
      }
      if (map.frozen) kernel.call('map_freeze', { mapFd: fd })
    }
    const { request } = made.build(fds, btfFd)
    const ask = (logLevel: number): { verdict: string; log: string } => {
      try {
        const answer = kernel.call('prog_load', { ...request, logLevel, logSize: logLevel === 4 ? 1 << 14 : 1 << 21 })
        kernel.call('close', { fd: answer.fd })
        return { verdict: 'accept', log: answer.log }
      } catch (error) {
        if (!(error instanceof KernelError)) throw error
        return { verdict: error.code, log: error.log ?? '' }
      }
    }
    let { verdict, log } = ask(4)
    if (tracedInFull(log)) ({ verdict, log } = ask(2))
    return recordedOf(verdict, kernel.release, log)
  } finally {
    for (const fd of open) kernel.call('close', { fd })
  }
}

/** Of programs that take many instructions to verify only message and statistics (level 4) are taken: the trace would be huge. */
export function tracedInFull(stats: string): boolean {
  return Number(/processed (\d+) insns/.exec(stats)?.[1] ?? 0) < 5000
}

/** A log taken apart; what is the machine's own (times, addresses) is left out. */
export function recordedOf(verdict: string, release: string, log: string): Recorded {
  const lines = comparable(log)
  const stats = lines.find((line) => line.startsWith('processed ')) ?? ''
  const body = lines.filter((line) => line !== stats)
  return {
    ...{
      verdict,
      release: release.replace(/-.*/, ''),
      stats,
      message: verdict === 'accept' ? '' : (body.at(-1) ?? ''),
    },
    log: body.length > LOG_LINES || body.length === 0 || !tracedInFull(stats) ? undefined : body.join('\n'),
  }
}

/** Linux's log without what differs from load to load, and without the notes of its stack liveness analysis. */
export function comparable(log: string): string[] {
  return log
    .trimEnd()
    .split('\n')
    .filter((line) => !/^(verification time|stack depth)/.test(line))
    .filter((line) => !/^\([\d,]+\) (frame \d+ insn \d+ |live stack update done)/.test(line))
    .filter((line) => !/^SCC (enter|exit|backedge)/.test(line))
    .map((line) =>
      line.replace(/\(18\) r(\d) = 0x[0-9a-f]+/, '(18) r$1 = ...').replace(/(\(18\) r\d = \.\.\.) +;/, '$1 ;'),
    )
    .filter((line, i, all) => line !== '' || i < all.length - 1)
}
