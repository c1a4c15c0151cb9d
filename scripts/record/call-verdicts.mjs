// Records the running kernel's verdicts on the fixtures about calls (test/fixtures/verifier) into
// test/recorded/call-verdicts.json. Needs root and a build (npm run build).
import { readFileSync, writeFileSync } from 'node:fs'
import { release } from 'node:os'
import { judgeObject } from '../../dist/cli/parity/judge.js'
import { linux } from '../../dist/linux/index.js'

const kernel = linux()
const verdicts = {}
for (const object of ['callbacks', 'graph', 'kernel_objects', 'kptrs', 'locks', 'streams']) {
  const path = new URL(`../../test/fixtures/verifier/${object}.o`, import.meta.url)
  const skipped = (program, reason) => console.log(`${object} ${program}: ${reason}`)
  const found = judgeObject(kernel, object, new Uint8Array(readFileSync(path)), { logLevel: 0 }, skipped)
  verdicts[object] = Object.fromEntries(
    found.map(({ program, linux: theirs }) => [program, theirs.ok ? '' : theirs.message]),
  )
}
kernel[Symbol.dispose]()
const stamp = /^\d+\.\d+(\.\d+)?/.exec(release())?.[0] ?? release()
writeFileSync(
  new URL('../../test/recorded/call-verdicts.json', import.meta.url),
  `${JSON.stringify({ kernel: stamp, verdicts }, undefined, 2)}\n`,
)
process.exit(0)
