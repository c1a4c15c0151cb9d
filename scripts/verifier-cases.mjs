// Where our verifier stands on the recorded cases, area by area: `node scripts/verifier-cases.mjs [PART...] [--log]`.
// A line for every case whose verdict or message differs; with --log also for logs. Needs a build (npm run build).
import { needsKernelBtf } from '../build/test/verifier/cases/case-program.js'
import {
  askOurs,
  logDifference,
  readCases,
  verdictDifference,
  vmlinuxBtf,
} from '../build/test/verifier/cases/compare.js'

const words = process.argv.slice(2)
const parts = words.filter((word) => !word.startsWith('--'))
const vmlinux = vmlinuxBtf()
const areas = new Map()
for (const [name, of] of readCases()) {
  if (parts.length > 0 && !parts.some((part) => name.includes(part))) continue
  if (of.recorded === undefined || (vmlinux === undefined && needsKernelBtf(of))) continue
  const area = name.slice(0, name.indexOf('/'))
  const counts = areas.get(area) ?? { cases: 0, accept: 0, equal: 0, unsupported: 0, falseAccept: 0, log: 0 }
  areas.set(area, counts)
  counts.cases++
  if (of.recorded.verdict === 'accept') counts.accept++
  const ours = askOurs(of, vmlinux)
  const verdict = verdictDifference(of.recorded, ours)
  if (verdict !== undefined) {
    if (ours.unsupported) counts.unsupported++
    if (ours.verdict === 'accept' && of.recorded.verdict !== 'accept') counts.falseAccept++
    console.log(
      `${ours.verdict === 'accept' && of.recorded.verdict !== 'accept' ? 'FALSE ACCEPT ' : ''}${name}: ${verdict}`,
    )
    continue
  }
  counts.equal++
  const log = logDifference(of.recorded, ours)
  if (log === undefined) counts.log++
  else if (words.includes('--log')) console.log(`log ${name}: ${log}`)
}
const total = { cases: 0, accept: 0, equal: 0, unsupported: 0, falseAccept: 0, log: 0 }
for (const counts of areas.values()) for (const key of Object.keys(total)) total[key] += counts[key]
console.table(Object.fromEntries([...areas, ['total', total]]))
