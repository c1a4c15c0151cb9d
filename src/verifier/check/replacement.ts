// A function that replaces one of another program has the same prototype. Linux: btf_check_type_match().

import type { BtfFunc, BtfType } from '../../btf/index.js'
import { plainType } from '../access/btf-walk.js'
import { kindText } from '../access/typed-context.js'
import type { Env } from '../env.js'
import type { AttachProgram } from '../types.js'

const sizeIn = (type: BtfType): number | undefined => ('size' in type ? type.size : undefined)

/** Kind, number of members and flag: all but name and size. */
function shapeOf(type: BtfType): string {
  const count =
    type.kind === 'struct' || type.kind === 'union'
      ? `${type.members.length} ${type.kindFlag}`
      : type.kind === 'enum' || type.kind === 'enum64'
        ? `${type.values.length} ${type.signed}`
        : type.kind === 'func_proto'
          ? type.params.length
          : ''
  return `${type.kind} ${count}`
}

export function checkReplacement(env: Env, target: AttachProgram, replaced: BtfFunc): void {
  const own = env.prog.btf
  const info = env.prog.funcInfo?.[0]
  if (own === undefined || info === undefined) env.refuse('Program extension requires BTF')
  const func = own.type(info.typeId)
  const other = target.btf
  if (func.kind !== 'func' || other === undefined) env.refuseSilently('Bad address', 'EFAULT')
  for (const each of [func, replaced]) {
    if (each.linkage !== 'global') env.refuse(`${each.name}() is not a global function`)
  }
  const proto = own.type(func.type)
  const otherProto = other.type(replaced.type)
  if (proto.kind !== 'func_proto' || otherProto.kind !== 'func_proto') env.refuseSilently('Bad address', 'EFAULT')
  const names = [`${func.name}()`, `${replaced.name}()`] as const
  if (proto.params.length !== otherProto.params.length) {
    env.refuse(`${names[0]} has ${proto.params.length} args while ${names[1]} has ${otherProto.params.length} args`)
  }
  const result = plainType(own, proto.type).type
  const otherResult = plainType(other, otherProto.type).type
  if (shapeOf(result) !== shapeOf(otherResult)) {
    env.refuse(
      `Return type ${kindText(result)} of ${names[0]} doesn't match type ${kindText(otherResult)} of ${names[1]}`,
    )
  }
  for (const [i, param] of proto.params.entries()) {
    const a = plainType(own, param.type).type
    const b = plainType(other, otherProto.params[i]?.type ?? 0).type
    if (shapeOf(a) !== shapeOf(b)) {
      env.refuse(`arg${i} in ${names[0]} is ${kindText(a)} while ${names[1]} has ${kindText(b)}`)
    }
    if (sizeIn(a) !== sizeIn(b)) {
      env.refuse(`arg${i} in ${names[0]} has size ${sizeIn(a)} while ${names[1]} has ${sizeIn(b)}`)
    }
    if (a.kind === 'int' || a.kind === 'enum' || a.kind === 'enum64') continue
    if (a.kind !== 'ptr' || b.kind !== 'ptr') env.refuse(`arg${i} in ${names[0]} has unrecognized type`)
    const structs = [plainType(own, a.type).type, plainType(other, b.type).type]
    for (const [n, struct] of structs.entries()) {
      if (struct.kind !== 'struct' && struct.kind !== 'union') {
        env.refuse(`arg${i} in ${names[n as 0]} is not a pointer to context`)
      }
    }
    const [mine = '', theirs = ''] = structs.map(({ name }) => name)
    if (mine !== theirs) {
      env.refuse(`arg${i} ${func.name}(struct ${mine} *) doesn't match ${replaced.name}(struct ${theirs} *)`)
    }
  }
}
