// A value of the verifier's log in words.

/** `scalar(umax=255,…)`, `map_value_or_null(id=1,map=m,ks=4,vs=8)`, `-16`, `fp-8`. */
export function describeValue(text: string): string {
  const value = text.replace(/^P(?=scalar|-?\d|0x|inv)/, '')
  if (/^-?\d+$|^0x[0-9a-f]+$/.test(value)) return `the number ${value}`
  if (/^inv-?\d+$/.test(value)) return `the number ${value.slice(3)}`
  const [, type = value, inside = ''] = /^([^(]*)\((.*)\)$/s.exec(value) ?? []
  const fields = new Map<string, string>()
  // Equal bounds are printed together: `smin=umin=4`.
  for (const part of inside.match(/[^,(]+(?:\([^)]*\))?/g) ?? []) {
    const names = part.split('=')
    const last = names.pop() ?? ''
    for (const name of names) fields.set(name.trim(), last)
  }
  if (type === 'scalar' || type === 'inv') return number(fields)
  const orNull = /_or_null_?/.test(type)
  const of = type.replace(/_or_null_?/, '')
  const what = pointer(of, fields)
  return orNull ? `${what}, or NULL` : what
}

function number(fields: ReadonlyMap<string, string>): string {
  const get = (...names: string[]): string | undefined => names.map((name) => fields.get(name)).find(Boolean)
  const max = get('umax', 'umax_value')
  const min = get('umin', 'umin_value')
  if (max !== undefined) return `a number from ${min ?? 0} to ${max}`
  const smax = get('smax', 'smax_value')
  const smin = get('smin', 'smin_value')
  if (smin !== undefined && smax !== undefined) return `a number from ${signed(smin)} to ${signed(smax)}`
  if (smax !== undefined) return `a number up to ${signed(smax)}, perhaps negative`
  if (min !== undefined) return `a number from ${min} on, without upper bound`
  if (smin !== undefined) return `a number from ${signed(smin)} on, without upper bound`
  const max32 = get('umax32')
  if (max32 !== undefined) return `a number whose lower half is at most ${max32}, and whose upper half is unknown`
  return 'any number'
}

/** Large hexadecimal bounds of signed values are negative ones. */
function signed(text: string): string {
  if (!text.startsWith('0x')) return text
  const value = BigInt.asIntN(64, BigInt(text))
  return value < 0n && value > -0x1_0000_0000n ? String(value) : text
}

const PLAIN: Readonly<Record<string, string>> = {
  ...{
    ctx: 'the context',
    pkt_end: "the packet's end",
    map_ptr: 'a map',
    flow_keys: 'the flow keys',
    func: 'a function',
  },
  ...{ sock: 'a full socket', sock_common: 'a socket', tcp_sock: 'a TCP socket', xdp_sock: 'an AF_XDP socket' },
  ...{
    tp_buffer: "the tracepoint's buffer",
    map_key: 'a key of the map',
    dynptr_ptr: 'a dynptr',
    arena: 'arena memory',
  },
}

function pointer(type: string, fields: ReadonlyMap<string, string>): string {
  const off = Number(fields.get('off') ?? 0)
  const moved = (off === 0 ? '' : off > 0 ? ` + ${off}` : ` - ${-off}`) + variable(fields)
  const frame = /^fp(?:\[\d+\])?(-?\d+)?$/.exec(type)
  if (frame !== null) return `the stack at fp${frame[1] === '0' ? '' : (frame[1] ?? '')}${moved}`
  if (type === 'pkt') return `the packet${moved} (${fields.get('r') ?? 0} bytes proven)`
  if (type === 'pkt_meta') return `the packet's metadata${moved} (${fields.get('r') ?? 0} bytes proven)`
  const map = fields.get('map')
  const size = fields.get('vs')
  if (type === 'map_value') {
    return `a value${map === undefined ? '' : ` of map '${map}'`}${moved}${size === undefined ? '' : ` (of ${size} bytes)`}`
  }
  if (type === 'map_ptr' && map !== undefined) return `map '${map}'`
  const kernel = /^((?:trusted_|untrusted_|rcu_|percpu_|user_)*)ptr_(.*)$/.exec(type)
  if (kernel !== null) {
    const trust = (kernel[1] ?? '').replaceAll('_', ' ').trim()
    const name = kernel[2] === '' ? 'a kernel object' : `a kernel object 'struct ${kernel[2]}'`
    return `${name}${trust === '' ? '' : ` (${trust})`}${moved}`
  }
  if (/(?:^|_)mem$/.test(type)) {
    const kind = type.startsWith('ringbuf') ? 'a ring buffer record' : 'memory'
    return `${kind} of ${fields.get('sz') ?? fields.get('mem_size') ?? '?'} bytes${moved}`
  }
  return `${PLAIN[type] ?? `a pointer '${type}'`}${moved}`
}

/** The variable part of a pointer's offset. */
function variable(fields: ReadonlyMap<string, string>): string {
  const max = fields.get('umax')
  if (max !== undefined) return ` + ${fields.get('umin') ?? 0}…${max}`
  if (fields.has('smin') || fields.has('smax')) {
    return ` + ${signed(fields.get('smin') ?? '?')}…${signed(fields.get('smax') ?? '?')}`
  }
  return fields.has('var_off') ? ' + an unbounded number' : ''
}
