import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { embedded } from '#src/embedded/index.js'
import { openObject } from '#src/object/index.js'
import { type Collection, loadCollection } from '#src/sdk/index.js'
import { needsKernel } from '../support/bpf-syscall.js'
import { fixture, root } from '../support/paths.js'
import { skep, skepJson } from '../support/skep.js'

const FIREWALL = join(root, 'examples/firewall/firewall.o')
const dump = (...words: string[]) => skep('prog', 'dump', 'jited', 'name', 'firewall', ...words, '--load', FIREWALL)

test('prog dump jited: WebAssembly text with BPF instructions and source lines', () => {
  const { status, stdout } = dump('linum')
  assert.equal(status, 0)
  const lines = stdout.split('\n')
  assert.equal(lines[0], ';; int firewall(struct xdp_md * ctx)')
  assert.match(lines[1] ?? '', /^;; bpf_prog_1_firewall at 0xffffffffa0[0-9a-f]{6}, \d+ bytes$/)
  assert.match(lines[2] ?? '', /^\(func \$bpf_prog_1_firewall \(param i64 i32\) \(result i64\)$/)
  assert.match(
    stdout,
    /^ +;; __u64 length = ctx->data_end - ctx->data; \[file:\S+firewall\.c line_num:\d+ line_col:22\]$/m,
  )
  assert.match(stdout, /^ +;; 0: \(61\) r7 = \*\(u32 \*\)\(r1 \+4\)$/m)
  assert.match(stdout, /^ +call \$lookup_blocked$/m)
  assert.match(stdout, /^\(func \$lookup_blocked_pref/m)
  const withBytes = dump('opcodes').stdout
  assert.match(withBytes, /^ +;; 20 00\n +local\.get 0$/m)
})

test('prog dump jited: JSON, and the module as a file', () => {
  const [main] = skepJson('prog', 'dump', 'jited', 'name', 'firewall', 'opcodes', '--load', FIREWALL)
  assert.equal(main.name, 'bpf_prog_1_firewall')
  assert.equal(main.insns[0].pc, '0x0')
  assert.ok(main.insns.some(({ bpf }: { bpf?: string }) => bpf === '2: (b7) r1 = 0'))
  assert.ok(main.insns.every(({ opcodes }: { opcodes: string[] }) => opcodes.length > 0))
  const directory = mkdtempSync(join(tmpdir(), 'skep-jited-'))
  try {
    const path = join(directory, 'firewall.wasm')
    assert.equal(dump('file', path).status, 0)
    assert.ok(WebAssembly.validate(new Uint8Array(readFileSync(path))))
  } finally {
    rmSync(directory, { recursive: true })
  }
})

test('prog dump jited on Linux: the bytes, by source line', { skip: needsKernel }, () => {
  // Programs of that name that others have loaded are printed, too.
  const { status, stdout } = dump('--kernel', 'linux')
  assert.equal(status, 0)
  assert.match(
    stdout,
    /^int firewall\(struct xdp_md \* ctx\):\nbpf_prog_[0-9a-f]{16}_firewall:\n; .*\n {3}0:\t([0-9a-f]{2} ?)+\n/m,
  )
})

test('program info has lengths, addresses and lines of the module', () => {
  using kernel = embedded()
  using collection = load(kernel, 'vm/control.o')
  for (const program of collection.programs.values()) {
    const info = program.info({ details: true })
    assert.equal(info.jitedProgInsns?.length, info.jitedProgLen)
    assert.ok(info.jitedProgLen > 0)
    assert.equal(info.jitedKsyms.length, info.jitedFuncLens.length)
    assert.equal(info.jitedKsyms.length, (info.funcInfo?.length ?? 8) / 8)
    assert.equal(info.jitedLineInfo.length, (info.lineInfo?.length ?? 0) / 16)
    info.jitedKsyms.forEach((start, i) => {
      const end = start + BigInt(info.jitedFuncLens[i] as number)
      assert.ok(info.jitedLineInfo.some((line) => line >= start && line < end))
    })
  }
  kernel.call('sysctl_write', { name: 'net.core.bpf_jit_enable', value: '0' })
  using interpreted = load(kernel, 'vm/control.o')
  for (const program of interpreted.programs.values()) assert.equal(program.info().jitedProgLen, 0)
})

test('bpf_jit_enable=2 logs the image as it is loaded; bpf_jit_harden=2 makes it another one', () => {
  using kernel = embedded()
  const bytes = (): Uint8Array => {
    using collection = load(kernel, 'vm/control.o')
    const [program] = collection.programs.values()
    return program?.info({ details: true }).jitedProgInsns as Uint8Array
  }
  const plain = bytes()
  assert.deepEqual(kernel.log, [])
  kernel.call('sysctl_write', { name: 'net.core.bpf_jit_enable', value: '2' })
  bytes()
  assert.match(kernel.log[0] ?? '', /^flen=\d+ proglen=\d+ pass=1 image=0xffffffffa0[0-9a-f]{6} from=\w+ pid=\d+$/)
  assert.match(kernel.log[1] ?? '', /^JIT code: 00000000: 00 61 73 6d 01 00 00 00/)
  kernel.call('sysctl_write', { name: 'net.core.bpf_jit_harden', value: '2' })
  assert.ok(bytes().length > plain.length)
})

function load(kernel: ReturnType<typeof embedded>, name: string): Collection {
  return loadCollection(openObject(new Uint8Array(readFileSync(fixture(name)))), { kernel })
}
