// Every program of every fixture and example that both verifiers accept: translated as Linux translates it.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { test } from 'node:test'
import { parseBtf } from '#src/btf/index.js'
import { noteTaker } from '#src/cli/verify/note-taker.js'
import { openObject } from '#src/object/index.js'
import { loadCollection } from '#src/sdk/index.js'
import { verify } from '#src/verifier/index.js'
import { linuxUnavailable, openLinux } from '../support/kernels.js'
import { root } from '../support/paths.js'
import { linuxText, ourText } from './support/xlated-text.js'

const skip = linuxUnavailable()

function objectsBelow(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name)
    return entry.isDirectory() ? objectsBelow(path) : entry.name.endsWith('.o') ? [path] : []
  })
}

/** An arena is shown at the address where user space maps it. */
function isAddress(theirs: string, own: string | undefined): boolean {
  return own?.endsWith(' = address') === true && /^\(18\) r\d = 0x[0-9a-f]{9,}$/.test(theirs)
}

test('translated programs are Linux’s, instruction for instruction', { skip }, () => {
  using kernel = openLinux()
  const bytes = kernel.vmlinuxBtf()
  const vmlinux = bytes === undefined ? undefined : parseBtf(bytes)
  const kfunc = (id: number) => vmlinux?.typeName(id) ?? `${id}`
  let compared = 0
  let insns = 0
  const unequal: string[] = []
  for (const path of ['test/fixtures', 'examples', 'bench/programs'].flatMap((dir) => objectsBelow(join(root, dir)))) {
    let at = ''
    const noted = noteTaker(kernel, (request, program) => {
      const loaded = kernel.call('prog_load', request)
      if (program === undefined) return loaded
      const ours = verify(program, { logLevel: 0, xlated: true })
      const info = kernel.call('obj_get_info_by_fd', { fd: loaded.fd, details: true })
      if (ours.xlated === undefined || info.kind !== 'prog' || info.xlatedProgInsns === undefined) return loaded
      const theirs = linuxText(info.xlatedProgInsns)
      const own = ourText(ours.xlated, kfunc)
      compared++
      insns += theirs.length
      const first = theirs.findIndex((line, i) => line !== own[i] && !isAddress(line, own[i]))
      if (first >= 0 || own.length !== theirs.length) {
        unequal.push(`${at}: instruction ${first}: ${theirs[first]} on Linux, ${own[first]} here`)
      }
      return loaded
    })
    const object = readFileSync(path)
    let programs: readonly { readonly name: string }[]
    try {
      programs = openObject(object, { file: path }).programs
    } catch {
      continue
    }
    for (const { name } of programs) {
      at = `${relative(root, path)} ${name}`
      try {
        const spec = openObject(object, { file: path })
        const options = { kernel: noted, programs: [name], pinPath: '/nonexistent', tcPinPath: '/nonexistent' }
        loadCollection(spec, options).close()
      } catch {
        // Refused by Linux, or no object for this kernel: nothing to compare.
      }
    }
  }
  assert.deepEqual(unequal, [])
  assert.ok(compared >= 400, `only ${compared} programs were compared`)
  console.log(`# ${compared} programs, ${insns} instructions`)
})
