// What both kernels tell of the programs they loaded: translated instructions and the records that follow them.
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { after, test } from 'node:test'
import { embedded } from '#src/embedded/index.js'
import type { Kernel, ProgInfo } from '#src/kernel/index.js'
import { openObject } from '#src/object/index.js'
import { loadCollection } from '#src/sdk/index.js'
import { linuxUnavailable, openLinux } from '../support/kernels.js'
import { root } from '../support/paths.js'

const skip = linuxUnavailable()
// Parts of these need a running kernel's own types.
const FOLDERS = ['test/fixtures/net', 'test/fixtures/helpers', 'test/fixtures/vm', 'test/fixtures/object', 'examples']

function objectsBelow(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name)
    return entry.isDirectory() ? objectsBelow(path) : entry.name.endsWith('.o') ? [path] : []
  })
}

// No BPF file system: objects that pin their maps are left out.
const pins = mkdtempSync(join(tmpdir(), 'skep-info-'))
after(() => rmSync(pins, { recursive: true, force: true }))

/** Undefined where the kernel does not load it. */
function infoOf(kernel: Kernel, path: string, object: Uint8Array, program: string): ProgInfo | undefined {
  try {
    const options = { kernel, programs: [program], pinPath: pins, tcPinPath: pins }
    using collection = loadCollection(openObject(object, { file: path }), options)
    const fd = collection.programs.get(program)?.fd
    const info = fd === undefined ? undefined : kernel.call('obj_get_info_by_fd', { fd, details: true })
    return info?.kind === 'prog' ? info : undefined
  } catch {
    return undefined
  }
}

/** The numbers of records; names lie elsewhere in the two BTFs. */
function records(bytes: Uint8Array | undefined, size: number, words: readonly number[]): number[][] {
  const all = bytes === undefined ? new Uint32Array() : new Uint32Array(bytes.slice().buffer)
  return Array.from({ length: (all.length * 4) / size }, (_, i) =>
    words.map((word) => all[(i * size) / 4 + word] as number),
  )
}

function told(info: ProgInfo): unknown {
  return {
    xlatedProgLen: info.xlatedProgLen,
    funcInfo: records(info.funcInfo, 8, [0]),
    lineInfo: records(info.lineInfo, 16, [0, 3]),
    verifiedInsns: info.verifiedInsns,
  }
}

test('function and line records of translated programs are where Linux puts them', { skip }, () => {
  using theirs = openLinux()
  let compared = 0
  for (const path of FOLDERS.flatMap((dir) => objectsBelow(join(root, dir)))) {
    using ours = embedded()
    const object = readFileSync(path)
    let programs: readonly { readonly name: string }[]
    try {
      programs = openObject(object, { file: path }).programs
    } catch {
      continue
    }
    for (const { name } of programs) {
      const here = infoOf(ours, path, object, name)
      const there = here === undefined ? undefined : infoOf(theirs, path, object, name)
      if (here === undefined || there === undefined) continue
      compared++
      assert.deepEqual(told(here), told(there), `${relative(root, path)} ${name}`)
    }
  }
  assert.ok(compared >= 200, `only ${compared} programs were compared`)
})
