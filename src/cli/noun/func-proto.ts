import type { Btf } from '../../btf/index.js'

/** A function's head as bpftool writes it above its instructions: `int count(struct xdp_md * ctx)`. */
export function funcHead(btf: Btf, funcId: number): string | undefined {
  const func = btf.type(funcId)
  if (func.kind !== 'func') return undefined
  const proto = btf.type(func.type)
  if (proto.kind !== 'func_proto') return undefined
  const params = proto.params.map(({ type, name }) => (type === 0 ? '...' : `${typeText(btf, type, 0)}${name}`))
  return `${typeText(btf, proto.type, 0)}${func.name}(${params.length === 0 ? 'void' : params.join(', ')})`
}

/** A type's name with a space behind it; `* ` for each pointer. */
function typeText(btf: Btf, id: number, depth: number): string {
  const type = btf.type(id)
  if (depth > 32) return '... '
  switch (type.kind) {
    case 'void':
      return 'void '
    case 'struct':
    case 'union':
    case 'enum':
      return `${type.kind} ${type.name === '' ? '(anon)' : type.name} `
    case 'enum64':
      return `enum ${type.name} `
    case 'fwd':
      return `${type.union ? 'union' : 'struct'} ${type.name} `
    case 'ptr':
      return `${typeText(btf, type.type, depth + 1)}* `
    case 'array':
      return `${typeText(btf, type.type, depth + 1)}[${type.length}]`
    case 'const':
    case 'volatile':
    case 'restrict':
      return `${type.kind} ${typeText(btf, type.type, depth + 1)}`
    case 'func_proto':
      return `${typeText(btf, type.type, depth + 1)}(*)(${type.params.map((param) => typeText(btf, param.type, depth + 1)).join(', ')})`
    case 'type_tag':
      return typeText(btf, type.type, depth + 1)
    default:
      return `${type.name} `
  }
}
