import type { Btf } from '../btf.js'
import type { Budget } from './budget.js'

const OPEN = 1
const DONE = 2

/**
 * Finds which definitions must be printed, and in which order, so that C accepts them: what is embedded by value comes
 * before what embeds it; what is only pointed to may stay a forward declaration.
 */
export class DefinitionOrder {
  readonly #btf: Btf
  readonly #budget: Budget
  readonly #state: Uint8Array
  readonly #referenced: Uint8Array
  #queue: number[] = []

  constructor(btf: Btf, budget: Budget) {
    this.#btf = btf
    this.#budget = budget
    this.#state = new Uint8Array(btf.typeCount)
    this.#referenced = findReferenced(btf)
  }

  /** Definitions that type `id` needs and that were not given out before, in order. */
  take(id: number): number[] {
    this.#queue = []
    this.#visit(id, false)
    return this.#queue
  }

  /** Does the type need definitions of its own (true), or can it be used through a pointer without any? */
  #visit(id: number, pointed: boolean): boolean {
    return this.#budget.step(id, () => this.#arrange(id, pointed))
  }

  #arrange(id: number, pointed: boolean): boolean {
    const state = this.#state
    if (state[id] === DONE) return true
    const type = this.#btf.type(id)
    const named = type.name !== ''
    if (state[id] === OPEN) {
      if ((type.kind === 'struct' || type.kind === 'union') && pointed && named) return false
      throw this.#btf.error(`type [${id}] (${type.kind} ${type.name || '<anon>'}) contains itself`)
    }
    switch (type.kind) {
      case 'int':
      case 'float':
      case 'func':
      case 'var':
      case 'datasec':
      case 'decl_tag':
        state[id] = DONE
        return false
      case 'ptr': {
        const strong = this.#visit(type.type, true)
        state[id] = DONE
        return strong
      }
      case 'array':
        return this.#visit(type.type, false)
      case 'volatile':
      case 'const':
      case 'restrict':
      case 'type_tag':
        return this.#visit(type.type, pointed)
      case 'struct':
      case 'union':
        // A named one behind a pointer needs no definition; an anonymous one is written out where it is used.
        if (pointed && named) return false
        state[id] = OPEN
        for (const member of type.members) this.#visit(member.type, false)
        if (named) this.#queue.push(id)
        state[id] = DONE
        return true
      case 'enum':
      case 'enum64':
      case 'fwd':
        if (named || this.#referenced[id] === 0) this.#queue.push(id)
        state[id] = DONE
        return true
      case 'typedef': {
        const strong = this.#visit(type.type, pointed)
        if (pointed && !strong) return false
        this.#queue.push(id)
        state[id] = DONE
        return true
      }
      case 'func_proto': {
        let strong = this.#visit(type.type, pointed)
        for (const param of type.params) if (this.#visit(param.type, pointed)) strong = true
        return strong
      }
      default:
        return false
    }
  }
}

/** Marks types that another type uses: an anonymous enum among them is printed there, not on its own. */
function findReferenced(btf: Btf): Uint8Array {
  const referenced = new Uint8Array(btf.typeCount)
  const mark = (id: number) => {
    if (id < referenced.length) referenced[id] = 1
  }
  for (let id = 1; id < btf.typeCount; id++) {
    const type = btf.type(id)
    switch (type.kind) {
      case 'array':
        mark(type.type)
        mark(type.indexType)
        break
      case 'struct':
      case 'union':
        for (const member of type.members) mark(member.type)
        break
      case 'func_proto':
        for (const param of type.params) mark(param.type)
        break
      case 'datasec':
        for (const entry of type.vars) mark(entry.type)
        break
      case 'void':
      case 'int':
      case 'float':
      case 'enum':
      case 'enum64':
      case 'fwd':
        break
      default:
        mark(type.type)
    }
  }
  return referenced
}
