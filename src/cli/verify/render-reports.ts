// Refusals for machines: GitHub's workflow commands and SARIF 2.1.0.

import { ruleById } from '../../spec/index.js'
import type { CausalStep } from '../../verifier/index.js'
import type { ProgramVerdict } from './verify-object.js'

const HELP = 'https://docs.kernel.org/bpf/verifier.html'

function placeOf(verdict: ProgramVerdict): { file: string; line: number; column: number } {
  const source = verdict.diagnostics[0]?.source
  if (source === undefined || source.line === 0) return { file: verdict.file, line: 1, column: 1 }
  return { file: source.file.replace(/^\.\//, ''), line: source.line, column: Math.max(1, source.column) }
}

function sentence(verdict: ProgramVerdict): string {
  const [diagnostic] = verdict.diagnostics
  const hint = diagnostic?.hint === undefined ? '' : `\n${diagnostic.hint}`
  const missing = diagnostic?.missing === undefined ? '' : `\nMissing: ${diagnostic.missing}.`
  return `${verdict.type} program '${verdict.name}': ${verdict.message}${missing}${hint}`
}

/** `::error …` lines, one a refused program. */
export function githubAnnotations(verdicts: readonly ProgramVerdict[]): string {
  const property = (text: string): string =>
    text
      .replaceAll('%', '%25')
      .replaceAll('\r', '%0D')
      .replaceAll('\n', '%0A')
      .replaceAll(':', '%3A')
      .replaceAll(',', '%2C')
  const data = (text: string): string => text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
  let out = ''
  for (const verdict of verdicts) {
    if (verdict.verdict === 'accept') continue
    const { file, line, column } = placeOf(verdict)
    const title = `verifier: ${verdict.diagnostics[0]?.ruleId ?? verdict.errno ?? 'refused'}`
    const level = verdict.unsupported ? 'warning' : 'error'
    out += `::${level} file=${property(file)},line=${line},col=${column},title=${property(title)}::${data(sentence(verdict))}\n`
  }
  return out
}

/** A SARIF log of one run: a result for every refused program, its causal slice as a code flow. */
export function sarifReport(verdicts: readonly ProgramVerdict[], version: string): object {
  const refused = verdicts.filter(({ verdict }) => verdict === 'reject')
  const ids = [...new Set(refused.map((verdict) => verdict.diagnostics[0]?.ruleId ?? 'unknown'))]
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'skep verify',
            version,
            rules: ids.map((id) => {
              const rule = ruleById(id)
              return {
                id,
                shortDescription: { text: rule?.title ?? 'The program was refused.' },
                ...(rule === undefined ? {} : { help: { text: rule.hint } }),
                helpUri: HELP,
              }
            }),
          },
        },
        results: refused.map((verdict) => resultOf(verdict, ids)),
      },
    ],
  }
}

function location(file: string, line: number, column: number, message?: string): object {
  return {
    physicalLocation: {
      artifactLocation: { uri: file.replace(/^\.\//, '').split('/').map(encodeURIComponent).join('/') },
      region: { startLine: line, startColumn: column },
    },
    ...(message === undefined ? {} : { message: { text: message } }),
  }
}

function resultOf(verdict: ProgramVerdict, ids: readonly string[]): object {
  const [diagnostic] = verdict.diagnostics
  const { file, line, column } = placeOf(verdict)
  const ruleId = diagnostic?.ruleId ?? 'unknown'
  const steps = (diagnostic?.steps ?? []).filter(({ source }: CausalStep) => source !== undefined && source.line > 0)
  const flow = steps.map(({ source, text }) => ({
    location: location(source?.file ?? file, source?.line ?? 1, Math.max(1, source?.column ?? 1), text),
  }))
  return {
    ruleId,
    ruleIndex: ids.indexOf(ruleId),
    level: verdict.unsupported ? 'warning' : 'error',
    message: { text: sentence(verdict) },
    locations: [location(file, line, column)],
    ...(flow.length === 0 ? {} : { codeFlows: [{ threadFlows: [{ locations: flow }] }] }),
    properties: { object: verdict.file, program: verdict.name, section: verdict.section, pc: diagnostic?.pc ?? 0 },
  }
}
