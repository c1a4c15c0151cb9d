// A reporter for `node --test`: one line of JSON for each skipped test, nothing else. scripts/test.mjs sums them up.
import { relative } from 'node:path'

export default async function* skips(source) {
  for await (const { type, data } of source) {
    if (type !== 'test:pass' && type !== 'test:fail') continue
    if (data.skip === undefined || data.skip === false) continue
    const file = data.file === undefined ? '' : relative('build', data.file).replace(/\.js$/, '.ts')
    yield `${JSON.stringify({ file, name: data.name, reason: typeof data.skip === 'string' ? data.skip : '' })}\n`
  }
}
