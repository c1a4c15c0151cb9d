import type { WasmFunctionText, WasmImport, WasmInsn, WasmModuleText, WasmType } from './read-module.js'

export interface PrintOptions {
  /** Lines before the instruction that begins at a byte of the module: comments (`;; …`). */
  readonly before?: (insn: WasmInsn) => readonly string[]
}

/** A module in WebAssembly's text format, one instruction a line. */
export function printModule(module: WasmModuleText, options: PrintOptions = {}): string {
  const names = functionNames(module)
  const lines = ['(module']
  let func = 0
  for (const item of module.imports) {
    lines.push(
      `  (import "${item.module}" "${item.name}" ${importKind(item, item.kind === 'func' ? names[func++] : '')})`,
    )
  }
  for (const fn of module.functions) {
    lines.push(...printFunction(fn, names, options).map((line) => `  ${line}`))
  }
  for (const { name, index } of module.exports) lines.push(`  (export "${name}" (func ${names[index]}))`)
  lines.push(')')
  return `${lines.join('\n')}\n`
}

/** A function's lines. `names` are all functions' by index (functionNames). */
export function printFunction(fn: WasmFunctionText, names: readonly string[], { before }: PrintOptions = {}): string[] {
  const lines = [`(func ${names[fn.index]}${signature(fn)}`]
  for (let i = 0; i < fn.locals.length; ) {
    let end = i
    while (fn.locals[end] === fn.locals[i]) end++
    lines.push(`  (local${` ${fn.locals[i]}`.repeat(end - i)})`)
    i = end
  }
  // The last `end` is the function's own: its bracket.
  for (const insn of fn.insns.slice(0, -1)) {
    const indent = '  '.repeat(insn.depth + 1)
    for (const line of before?.(insn) ?? []) lines.push(indent + line)
    lines.push(indent + insnText(insn, names))
  }
  lines.push(')')
  return lines
}

/** Instruction with functions by name. */
export function insnText({ text }: WasmInsn, names: readonly string[]): string {
  return text.replace(/^call (\d+)$/, (_whole, index: string) => `call ${names[Number(index)] ?? index}`)
}

/** `$name` of each function, imported ones first. */
export function functionNames({ imports, functions }: WasmModuleText): string[] {
  const imported = imports.filter(({ kind }) => kind === 'func').map(({ name }) => `$${name}`)
  return [...imported, ...functions.map(({ name, index }) => (name === '' ? `${index}` : `$${name}`))]
}

function importKind({ kind, type }: WasmImport, name: string | undefined): string {
  switch (kind) {
    case 'memory':
      return '(memory 1)'
    case 'table':
      return '(table 1 funcref)'
    case 'func':
      return `(func ${name}${type === undefined ? '' : signature(type)})`
  }
}

function signature({ params, results }: WasmType): string {
  const list = (word: string, types: readonly string[]): string =>
    types.length === 0 ? '' : ` (${word} ${types.join(' ')})`
  return list('param', params) + list('result', results)
}
