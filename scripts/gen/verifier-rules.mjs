// Writes docs/reference/verifier-rules.md from the catalogue of rules (src/spec/verifier-rules). Needs a build.
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rulesPage } from '../../build/test/support/rules-page.js'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
writeFileSync(join(root, 'docs/reference/verifier-rules.md'), rulesPage())
