import { type JitImage, withSource } from '../../vm/index.js'
import { LINE_INFO_SIZE } from '../syscalls/prog-btf.js'
import type { ProgObject } from './objects.js'

/** Where programs' images seem to lie: module space, as on Linux; a mebibyte for each. */
const IMAGES = 0xffff_ffff_a000_0000n

export interface JitedInfo {
  readonly image: JitImage
  /** Bytes of the image. */
  readonly length: number
  /** Address of each function, the main one first. */
  readonly ksyms: readonly bigint[]
  /** Address of the code of each line record. */
  readonly lines: readonly bigint[]
}

/** What Linux tells of a program's machine code, of the WebAssembly module here. Undefined for interpreted programs. */
export function jitedInfo(object: ProgObject): JitedInfo | undefined {
  const { id, program, lineInfo, source, funcInfo, translation } = object
  const compiled = program.runner.image?.()
  if (compiled === undefined) return undefined
  const none = new Uint8Array()
  const image = { ...compiled, bytes: withSource(compiled.bytes, [source, funcInfo ?? none, lineInfo ?? none]) }
  const base = imageAddress(id)
  const lines: bigint[] = []
  for (const slot of translation.lineSlots ?? slotsOf(lineInfo)) lines.push(base + BigInt(image.offsetOf(slot) ?? 0))
  return {
    image,
    length: image.bytes.length,
    ksyms: image.functions.map(({ offset }) => base + BigInt(offset)),
    lines,
  }
}

function slotsOf(lineInfo: Uint8Array | undefined): number[] {
  const slots: number[] = []
  if (lineInfo === undefined) return slots
  const view = new DataView(lineInfo.buffer, lineInfo.byteOffset, lineInfo.byteLength)
  for (let at = 0; at + LINE_INFO_SIZE <= lineInfo.length; at += LINE_INFO_SIZE) slots.push(view.getUint32(at, true))
  return slots
}

/** Address of the first byte of a program's image. */
export function imageAddress(id: number): bigint {
  return IMAGES + (BigInt(id) << 20n)
}

/** What bpf_jit_enable=2 has the kernel log when it has compiled a program (bpf_jit_dump). */
export function jitDump(object: ProgObject, image: JitImage): string[] {
  const { bytes } = image
  const lines = [
    `flen=${object.insns.length / 8} proglen=${bytes.length} pass=1 image=0x${imageAddress(object.id).toString(16)} ` +
      `from=${object.name === '' ? 'skep' : object.name} pid=${0}`,
  ]
  for (let at = 0; at < bytes.length; at += 16) {
    const row = [...bytes.subarray(at, at + 16)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')
    lines.push(`JIT code: ${at.toString(16).padStart(8, '0')}: ${row}`)
  }
  return lines
}
