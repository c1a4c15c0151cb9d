// The `skep` command must be executable when it is run from the checkout.
import { chmodSync, existsSync } from 'node:fs'

const main = new URL('../dist/cli/main.js', import.meta.url)
if (existsSync(main)) chmodSync(main, 0o755)
