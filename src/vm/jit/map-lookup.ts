import type { Machine } from '../machine.js'
import { add, below, FunctionBuilder, load32, shl } from '../wasm/expressions.js'
import type { ModuleWriter } from '../wasm/module-writer.js'

/** A function (key address) -> value address for a map whose look-up is WebAssembly; undefined for others. */
export function lookupFunction(module: ModuleWriter, machine: Machine, handle: number): number | undefined {
  const map = machine.mapOf(handle)
  const layout = map?.lookupLayout
  let body = map?.lookupBody
  if (map !== undefined && layout?.kind === 'handles' && layout.visible) {
    body = (f: FunctionBuilder) => {
      const index = f.local(load32(f.param(0)))
      f.if(below(index, map.maxEntries), () => f.return(load32(add(shl(index, 2), layout.slots))))
      f.code.i32(0)
    }
  }
  if (map === undefined || body === undefined) return undefined
  const f = new FunctionBuilder(1)
  body(f)
  f.code.op('end')
  const index = module.declare(`lookup_${map.name === '' ? handle : map.name}`, { params: ['i32'], results: ['i32'] })
  module.define(index, f.code)
  return index
}
