import {
  attachTypeName,
  bpf_map_create_flags,
  LIMITS,
  type MapTypeRow,
  mapTypeById,
  progTypeById,
  type SizeRule,
  sizeError,
} from '../spec/index.js'
import type { KernelError } from './error.js'
import type { MapCreateRequest, ProgLoadRequest } from './operations.js'

/**
 * Which limit a refused request met, by the request and the errno alone; undefined where the tables see nothing wrong.
 */
export function mapLimitHint(r: MapCreateRequest, error: KernelError): string | undefined {
  if (error.code !== 'EINVAL' && error.code !== 'E2BIG') return undefined
  const row = mapTypeById(r.mapType)
  if (row === undefined) return `map type ${r.mapType} is none this library knows; the kernel may be too old for it`
  const sizes: [string, SizeRule, number][] = [
    ['key_size', row.key, r.keySize],
    ['value_size', row.value, r.valueSize],
    ['max_entries', row.entries, r.maxEntries],
  ]
  const wrong = sizes.find(([, rule, value]) => sizeError(rule, value) !== undefined)
  if (wrong !== undefined) return `${wrong[0]} of a ${row.name} is ${describeRule(wrong[1])}, not ${wrong[2]}`
  if (row.together !== undefined && r.keySize + r.valueSize > row.together)
    return `key and value of a ${row.name} have ${row.together} bytes at most together, these have ${r.keySize + r.valueSize}`
  return (
    flagsHint(row, r.mapFlags ?? 0) ?? (row.inner === true && r.innerMapFd === undefined ? innerHint(row) : undefined)
  )
}

function innerHint(row: MapTypeRow): string {
  return `a ${row.name} needs the template of its inner maps`
}

function flagsHint(row: MapTypeRow, flags: number): string | undefined {
  const missing = row.requires?.find((name) => (flags & Number(bpf_map_create_flags[name])) === 0)
  if (missing !== undefined) return `a ${row.name} needs ${missing}`
  const known = [...row.flags, ...(row.requires ?? [])].reduce(
    (all, name) => all | Number(bpf_map_create_flags[name]),
    0,
  )
  const unknown = Object.entries(bpf_map_create_flags).find(([, bit]) => (flags & ~known & Number(bit)) !== 0)
  return unknown === undefined ? undefined : `a ${row.name} does not take ${unknown[0]}`
}

function describeRule(rule: SizeRule): string {
  if (rule.only !== undefined) return rule.only.join(' or ')
  const parts = [`at least ${rule.min ?? 0}`]
  if (rule.max !== undefined) parts.push(`at most ${rule.max}`)
  if (rule.multipleOf !== undefined) parts.push(`a multiple of ${rule.multipleOf}`)
  if (rule.powerOfTwo === true) parts.push('a power of two')
  return parts.join(', ')
}

/** The same for a program that was refused before the verifier had a word. */
export function progLimitHint(r: ProgLoadRequest, error: KernelError): string | undefined {
  const count = r.insns.length / 8
  const row = progTypeById(r.progType)
  switch (error.code) {
    case 'E2BIG':
      if (count > LIMITS.BPF_COMPLEXITY_LIMIT_INSNS || count === 0)
        return `${count} instructions; a program has 1 to ${LIMITS.BPF_COMPLEXITY_LIMIT_INSNS}`
      if (count > LIMITS.BPF_MAXINSNS)
        return `${count} instructions; without CAP_BPF, or before Linux 5.2, ${LIMITS.BPF_MAXINSNS} are the limit`
      return `the verifier gave up after ${LIMITS.BPF_COMPLEXITY_LIMIT_INSNS} instructions: fewer branches, or loops by bpf_loop, help`
    case 'EINVAL': {
      if (error.log !== undefined && error.log !== '') return undefined
      if (row === undefined)
        return `program type ${r.progType} is none this library knows; the kernel may be too old for it`
      if (r.license.length > 127) return 'the license has more than 127 characters'
      const attach = r.expectedAttachType ?? 0
      if (
        row.expectedAttach === 'checked' &&
        attach === 0 &&
        row.expectedAttachDefault === undefined &&
        row.name !== 'cgroup_skb'
      )
        return `a ${row.name} program is loaded for one attach type (expected_attach_type)`
      if (row.expectedAttach === 'zero' && attach !== 0)
        return `a ${row.name} program has no attach type, ${attachTypeName(attach) ?? attach} was given`
      if ((row.name === 'tracing' || row.name === 'lsm') && !r.attachBtfId)
        return `a ${row.name} program needs the BTF id of what it attaches to`
      return undefined
    }
    default:
      return undefined
  }
}
