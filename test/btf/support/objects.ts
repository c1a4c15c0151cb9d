import { existsSync, readFileSync } from 'node:fs'
import { fixture } from '../../support/paths.js'

/** Contents of the named sections of an ELF64 file of either byte order: enough of ELF for these tests. */
export function elfSections(bytes: Uint8Array): Map<string, Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const le = bytes[5] === 1
  const u64 = (at: number) => Number(view.getBigUint64(at, le))
  const table = u64(0x28)
  const header = (index: number) => table + index * view.getUint16(0x3a, le)
  const contents = (at: number) => bytes.subarray(u64(at + 0x18), u64(at + 0x18) + u64(at + 0x20))
  const names = contents(header(view.getUint16(0x3e, le)))
  const sections = new Map<string, Uint8Array>()
  for (let i = 1; i < view.getUint16(0x3c, le); i++) {
    const at = header(i)
    if (view.getUint32(at + 4, le) === 8) continue // SHT_NOBITS
    const start = view.getUint32(at, le)
    const name = new TextDecoder().decode(names.subarray(start, names.indexOf(0, start)))
    sections.set(name, contents(at))
  }
  return sections
}

export function objectPath(name: string): string {
  return fixture(`btf/${name}`)
}

export function objectSections(name: string): Map<string, Uint8Array> {
  return elfSections(new Uint8Array(readFileSync(objectPath(name))))
}

/** The .BTF section of a fixture. */
export function btfBytes(name: string): Uint8Array {
  const bytes = objectSections(name).get('.BTF')
  if (bytes === undefined) throw new Error(`${name} has no .BTF section`)
  return bytes
}

const VMLINUX = '/sys/kernel/btf/vmlinux'

/** The running kernel's BTF; undefined where there is none. */
export function vmlinuxBytes(): Uint8Array | undefined {
  return existsSync(VMLINUX) ? new Uint8Array(readFileSync(VMLINUX)) : undefined
}
