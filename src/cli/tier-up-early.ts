import { setFlagsFromString } from 'node:v8'

/**
 * Has V8 compile a WebAssembly function with its optimising compiler after a hundredth of the work it usually waits for:
 * the programs are few and small, and each is there to be run very often. In the background, as before; what a first run
 * costs does not change (docs/how-it-works/jit.md has the measurements). V8 says so on
 * standard error where it does not know a flag: versions that were not tried are left alone.
 */
export function tierUpEarly(): void {
  const major = Number(process.versions.node.split('.')[0])
  if (major >= 20 && major <= 24) setFlagsFromString('--wasm-tiering-budget=18000')
}
