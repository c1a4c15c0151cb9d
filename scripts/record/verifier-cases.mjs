// Asks the running kernel about the verifier's cases and writes its answers into them: test/cases/verifier/**/*.case.
// `node scripts/record/verifier-cases.mjs [PART...]`: only files whose path holds a PART; `--check` changes nothing and tells
// which answers have changed. Needs root and a build (npm run build).
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { formatCase, parseCase } from '../../build/test/verifier/cases/case-file.js'
import { askLinux } from '../../build/test/verifier/cases/case-program.js'
import { parseBtf } from '../../dist/btf/index.js'
import { linux } from '../../dist/linux/index.js'

const root = join(dirname(fileURLToPath(import.meta.url)), '../../test/cases/verifier')
const words = process.argv.slice(2)
const check = words.includes('--check')
const parts = words.filter((word) => !word.startsWith('--'))
const files = readdirSync(root, { recursive: true })
  .filter((name) => name.endsWith('.case'))
  .filter((name) => parts.length === 0 || parts.some((part) => name.includes(part)))
  .sort()

const kernel = linux()
const bytes = kernel.vmlinuxBtf()
const vmlinux = bytes === undefined ? undefined : parseBtf(bytes)
let changed = 0
for (const name of files) {
  const path = join(root, name)
  const text = readFileSync(path, 'utf8')
  try {
    const of = parseCase(text)
    const made = formatCase({ ...of, recorded: askLinux(kernel, of, vmlinux) })
    if (made === text) continue
    changed++
    console.log(`${check ? 'differs' : 'recorded'} ${name}`)
    if (!check) writeFileSync(path, made)
  } catch (error) {
    console.error(`${name}: ${error.message}`)
    process.exitCode = 1
  }
}
kernel[Symbol.dispose]()
console.log(`${files.length} cases, ${changed} ${check ? 'differ' : 'written'}`)
