// Reads the running kernel's own memory, for recorders: a SYSCALL program copies it into a map. Needs root and a build.
import { readFileSync } from 'node:fs'
import { bpf, insns, progLoad, written } from '../../build/test/support/linux-bpf.js'

/** Bytes of a chunk of the image. */
export const CHUNK = 1 << 16
const IMAGE = 64 << 20

/** Function symbols of the kernel proper: address to name, and the address the image starts at. */
export function readSymbols() {
  const names = new Map()
  let start = 0n
  for (const line of readFileSync('/proc/kallsyms', 'utf8').split('\n')) {
    const [address, , name, module] = line.split(/\s+/)
    if (!name || module) continue
    if (name === '_text') start = BigInt(`0x${address}`)
    names.set(BigInt(`0x${address}`), [...(names.get(BigInt(`0x${address}`)) ?? []), name])
  }
  if (start === 0n) throw new Error('/proc/kallsyms shows no addresses: run as root with kptr_restrict 0')
  return { names, start }
}

/** The kernel's image from `start` in chunks; undefined where nothing is mapped. */
export function readImage(start) {
  const map = bpf('BPF_MAP_CREATE', 'map_create', { map_type: 2, key_size: 4, value_size: CHUNK, max_entries: 1 })
  const reader = progLoad(
    'BPF_PROG_TYPE_SYSCALL',
    insns(
      [0x79, 0x13, 0, 0], // r3 = *(u64 *)(r1 + 0)
      [0x18, 0x21, 0, map], // r1 = map value
      [0, 0, 0, 0],
      [0xb7, 2, 0, CHUNK],
      [0x85, 0, 0, 113], // probe_read_kernel
      [0x95, 0, 0, 0],
    ),
    { prog_flags: 16 },
  )
  if (map < 0 || reader.fd < 0) throw new Error(`cannot read kernel memory: ${reader.log}`)
  const key = new Uint8Array(4)
  const value = new Uint8Array(CHUNK)
  return Array.from({ length: IMAGE / CHUNK }, (_, index) => {
    const context = new Uint8Array(8)
    new DataView(context.buffer).setBigUint64(0, start + BigInt(index * CHUNK), true)
    const run = bpf('BPF_PROG_TEST_RUN', 'test', { prog_fd: reader.fd, ctx_in: context, ctx_size_in: 8 })
    if (run < 0) throw new Error(`test run: errno ${-run}`)
    if (Number(BigInt.asIntN(32, written('test', 'retval'))) < 0) return undefined
    bpf('BPF_MAP_LOOKUP_ELEM', 'map_elem', { map_fd: map, key, value })
    return Buffer.from(value)
  })
}
