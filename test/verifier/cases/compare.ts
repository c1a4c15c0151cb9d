import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Btf, parseBtf } from '#src/btf/index.js'
import { verify } from '#src/verifier/index.js'
import { root } from '../../support/paths.js'
import { type CaseFile, parseCase, type Recorded } from './case-file.js'
import { CaseProgram, recordedOf, tracedInFull } from './case-program.js'

const folder = join(root, 'test/cases/verifier')

/** All cases by name (`area/what`). */
export function readCases(): ReadonlyMap<string, CaseFile> {
  const out = new Map<string, CaseFile>()
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    if (!name.endsWith('.case')) continue
    try {
      out.set(name.slice(0, -5), parseCase(readFileSync(join(folder, name), 'utf8')))
    } catch (error) {
      throw new Error(`${name}: ${(error as Error).message}`, { cause: error })
    }
  }
  return out
}

/** The running kernel's BTF: the ids of kernel functions are looked up in it. */
export function vmlinuxBtf(): Btf | undefined {
  try {
    return parseBtf(new Uint8Array(readFileSync('/sys/kernel/btf/vmlinux')))
  } catch {
    return undefined
  }
}

/** Our answer to a case, in the form Linux's is recorded. */
export function askOurs(of: CaseFile, vmlinux: Btf | undefined): Recorded & { readonly unsupported: boolean } {
  const logLevel = of.recorded === undefined || tracedInFull(of.recorded.stats) ? 2 : 4
  const result = verify(new CaseProgram(of, vmlinux).question(), { logLevel })
  const made = recordedOf(result.ok ? 'accept' : (result.errno ?? ''), '', result.log)
  return { ...made, unsupported: result.diagnostics[0]?.unsupported === true }
}

/** What differs in the verdict, the errno or the last line; undefined where nothing does. */
export function verdictDifference(linux: Recorded, ours: Recorded): string | undefined {
  const said = ({ verdict, message }: Recorded): string => (message === '' ? verdict : `${verdict}: ${message}`)
  return said(linux) === said(ours) ? undefined : `Linux '${said(linux)}', ours '${said(ours)}'`
}

/** Where the logs part, or the closing lines; undefined where they do not. */
export function logDifference(linux: Recorded, ours: Recorded): string | undefined {
  if (linux.stats !== ours.stats) return `Linux '${linux.stats}', ours '${ours.stats}'`
  if (linux.log === undefined) return undefined
  const left = linux.log.split('\n')
  const right = (ours.log ?? '').split('\n')
  const at = left.findIndex((line, i) => line !== right[i])
  if (at < 0 && left.length === right.length) return undefined
  const line = at < 0 ? left.length : at
  return `line ${line + 1}: Linux '${left[line] ?? '(end)'}', ours '${right[line] ?? '(end)'}'`
}

/** The reason a list gives for a case, by its name or its area's. */
export function listed(list: Readonly<Record<string, string>>, name: string): string | undefined {
  return list[name] ?? list[`${name.slice(0, name.indexOf('/'))}/`]
}
