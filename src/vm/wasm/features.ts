import { CodeWriter } from './code-writer.js'
import { ModuleWriter } from './module-writer.js'

let tailCalls: boolean | undefined

/** Does this host have WebAssembly's tail calls? */
export function hasTailCalls(): boolean {
  if (tailCalls === undefined) {
    const module = new ModuleWriter()
    module.importTable()
    const code = new CodeWriter(0)
    code
      .i32(0)
      .returnCallIndirect(module.type({ params: [], results: [] }))
      .op('end')
    module.define(module.declare('f', { params: [], results: [] }), code)
    tailCalls = WebAssembly.validate(module.build().bytes)
  }
  return tailCalls
}
