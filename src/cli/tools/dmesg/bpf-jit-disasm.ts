import { readFileSync, writeFileSync } from 'node:fs'
import { fromHex, toHex } from '../../../base/index.js'
import { functionNames, printFunction, readModule } from '../../../vm/index.js'
import type { CommandHost } from '../../host/host.js'
import { embeddedKernel, readFlags } from '../files/kernel-files.js'

interface Image {
  readonly slots: number
  readonly pass: number
  readonly address: string
  readonly bytes: Uint8Array
}

/**
 * `bpf_jit_disasm [-o] [-O FILE] [-f LOG]`: the last image that the compiler wrote to the kernel's log (net.core.bpf_jit_enable=2), as
 * text. -o: with the bytes; -O: the image into a file; -f: from a saved log.
 */
export function bpfJitDisasm(args: readonly string[], host: CommandHost): number {
  using kernel = embeddedKernel(host)
  if (kernel === undefined) return host.elsewhere('bpf_jit_disasm', args)
  const value = (flag: string): string | undefined => (args.includes(flag) ? args[args.indexOf(flag) + 1] : undefined)
  const logFile = value('-f')
  const log = logFile === undefined ? kernel.log : readFileSync(host.resolve(logFile), 'utf8').split('\n')
  const image = lastImage(log)
  if (image === undefined) {
    host.err('No JIT image found!\n')
    return 1
  }
  host.out(`${image.bytes.length} bytes emitted from JIT compiler (pass:${image.pass}, flen:${image.slots})\n`)
  const output = value('-O')
  if (output !== undefined) {
    writeFileSync(host.resolve(output), image.bytes)
    return 0
  }
  host.out(`${image.address} + <x>:\n`)
  const opcodes = readFlags(args).flags.has('o')
  const module = readModule(image.bytes)
  const names = functionNames(module)
  for (const fn of module.functions) {
    const before = (insn: { readonly offset: number; readonly length: number }): string[] =>
      opcodes
        ? [`;; ${toHex(image.bytes.subarray(insn.offset, insn.offset + insn.length)).replace(/..(?=.)/g, '$& ')}`]
        : []
    host.out(`${printFunction(fn, names, { before }).join('\n')}\n`)
  }
  return 0
}

/** The newest image of a log whose lines are all there. */
function lastImage(log: readonly string[]): Image | undefined {
  const start = log.findLastIndex((line) => /flen=\d+ proglen=\d+ pass=\d+ image=/.test(line))
  const [, slots, length, pass, address = ''] =
    /flen=(\d+) proglen=(\d+) pass=(\d+) image=(?:0x)?([0-9a-f]+)/.exec(log[start] ?? '') ?? []
  if (length === undefined) return undefined
  const text: string[] = []
  for (const line of log.slice(start + 1)) {
    const [, row] = /JIT code: [0-9a-f]+: ([0-9a-f ]+)/.exec(line) ?? []
    if (row === undefined) break
    text.push(row.replaceAll(' ', ''))
  }
  const bytes = fromHex(text.join(''))
  if (bytes.length < Number(length)) return undefined
  return { slots: Number(slots), pass: Number(pass), address, bytes: bytes.subarray(0, Number(length)) }
}
