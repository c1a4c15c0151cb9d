// Programs whose verdict depends on CAP_PERFMON: leaks of pointers, stack nobody wrote, additions the processor may guess.

export interface UnprivilegedProgram {
  readonly name: string
  readonly prog: string
  readonly asm: string
}

const array = 'a array key=4 value=48 entries=4'
const hash = 'h hash key=8 value=16 entries=4'
const tails = 't prog_array key=4 value=4 entries=3'

/** Maps the programs may name. */
export const MAPS: readonly string[] = [array, hash, tails]

const LOOKUP = `  *(u32 *)(r10 - 4) = 1
  r2 = r10
  r2 += -4
  r1 = a ll
  call map_lookup_elem
  if r0 == 0 goto out
`
const OUT = `out:
  r0 = 0
  exit
`
const withValue = (body: string): string => `  r6 = r1\n${LOOKUP}${body}${OUT}`
const NUMBER = '  r1 = *(u32 *)(r6 + 0)\n'

const bodies: Readonly<Record<string, string>> = {
  'returns the context': '  r0 = r1\n  exit\n',
  'returns the frame pointer': '  r0 = r10\n  exit\n',
  'stores the context into a map': withValue('  *(u64 *)(r0 + 0) = r6\n'),
  'stores a number into a map': withValue('  r1 = 7\n  *(u64 *)(r0 + 0) = r1\n'),
  'adds a pointer to a map': withValue('  lock *(u64 *)(r0 + 0) += r6\n'),
  'adds a number to a map': withValue('  r1 = 7\n  lock *(u64 *)(r0 + 0) += r1\n'),
  'adds to a spilled pointer': '  *(u64 *)(r10 - 8) = r1\n  r0 = 1\n  lock *(u64 *)(r10 - 8) += r0\n  exit\n',
  'copies half a pointer': '  w0 = w1\n  r0 = 0\n  exit\n',
  'negates a pointer': '  r1 = -r1\n  r0 = 0\n  exit\n',
  'swaps a pointer': '  r1 = bswap16 r1\n  r0 = 0\n  exit\n',
  'subtracts pointers': '  r2 = r10\n  r2 -= r10\n  r0 = 0\n  exit\n',
  'subtracts narrowly from a pointer': '  r2 = r10\n  w2 -= 1\n  r0 = 0\n  exit\n',
  'compares a pointer with a number': '  if r1 == 7 goto out\n' + OUT,
  'compares a pointer with zero': '  if r1 == 0 goto out\n' + OUT,
  'compares pointers': '  r2 = r10\n  if r1 == r2 goto out\n' + OUT,
  'compares a number with a pointer': '  r2 = 7\n  if r2 == r1 goto out\n' + OUT,
  'overwrites part of a spilled pointer': '  *(u64 *)(r10 - 8) = r1\n  *(u32 *)(r10 - 8) = 1\n  r0 = 0\n  exit\n',
  'reads stack nobody wrote': '  r0 = *(u64 *)(r10 - 8)\n  r0 = 0\n  exit\n',
  'reads half-written stack': '  *(u32 *)(r10 - 8) = 1\n  r0 = *(u64 *)(r10 - 8)\n  r0 = 0\n  exit\n',
  'passes stack nobody wrote': '  r2 = r10\n  r2 += -8\n  r1 = h ll\n  call map_lookup_elem\n' + OUT,
  'passes a spilled pointer as a key':
    '  *(u64 *)(r10 - 8) = r1\n  r2 = r10\n  r2 += -8\n  r1 = h ll\n  call map_lookup_elem\n' + OUT,
  'passes a pointer as a flag':
    '  r6 = r1\n  *(u64 *)(r10 - 8) = 1\n  *(u64 *)(r10 - 16) = 1\n  *(u64 *)(r10 - 24) = 1\n  r2 = r10\n  r2 += -8\n  r3 = r10\n  r3 += -24\n  r4 = r6\n  r1 = h ll\n  call map_update_elem\n' +
    OUT,
  'reads a map object': '  r1 = a ll\n  r0 = *(u32 *)(r1 + 0)\n  r0 = 0\n  exit\n',
  'adds a bounded number to a value': withValue(`${NUMBER}  r1 &= 31\n  r0 += r1\n  r1 = *(u8 *)(r0 + 0)\n`),
  'adds a value to a bounded number': withValue(`${NUMBER}  r1 &= 31\n  r1 += r0\n  r1 = *(u8 *)(r1 + 0)\n`),
  'adds a number too large': withValue(`${NUMBER}  r1 &= 63\n  r0 += r1\n`),
  'adds a number of both signs': withValue(
    `${NUMBER}  r1 &= 15\n  r1 -= 8\n  r0 += 16\n  r0 += r1\n  r1 = *(u8 *)(r0 + 0)\n`,
  ),
  'subtracts a bounded number': withValue(`${NUMBER}  r1 &= 15\n  r0 += 16\n  r0 -= r1\n  r1 = *(u8 *)(r0 + 0)\n`),
  'adds a known register to the frame pointer':
    '  r2 = -8\n  r3 = r10\n  r3 += r2\n  r0 = 0\n  *(u64 *)(r3 + 0) = r0\n  exit\n',
  'leaves the stack by arithmetic': '  r2 = r10\n  r2 += 8\n  r0 = 0\n  exit\n',
  'leaves the stack below': '  r2 = r10\n  r2 += -520\n  r0 = 0\n  exit\n',
  'leaves a value by arithmetic': withValue('  r0 += 48\n'),
  'leaves a value and returns': withValue('  r0 += 48\n  r0 += -8\n  r1 = *(u8 *)(r0 + 0)\n'),
  'adds from different paths': withValue(
    `${NUMBER}  if r1 s> 5 goto other\n  r2 = r0\n  r1 = 4\n  goto sum\nother:\n  r2 = r0\n  r2 += 8\n  r1 = 6\nsum:\n  r2 += r1\n`,
  ),
  'adds a number or a pointer': withValue(
    `${NUMBER}  r3 = r1\n  if r1 s> 5 goto other\n  r2 = 3\n  r1 = 4\n  goto sum\nother:\n  r2 = r0\n  r1 = 4\nsum:\n  r2 += r1\n`,
  ),
  'varies a stack pointer':
    '  r1 = *(u32 *)(r1 + 0)\n  r1 &= 8\n  r2 = r10\n  r2 += -16\n  r2 += r1\n  r0 = 0\n  exit\n',
  'dereferences on a path never taken': '  r2 = 0\n  r3 = 1\n  if r2 == 0 goto out\n  r4 = *(u64 *)(r3 + 0)\n' + OUT,
  'leaks on a path never taken': '  r2 = 0\n  if r2 == 0 goto out\n  r0 = r1\n  exit\n' + OUT,
  'loops on a path never taken': '  r2 = 0\n  if r2 == 0 goto out\nagain:\n  r2 += 1\n  goto again\n' + OUT,
  'calls nothing on a path never taken': '  r2 = 0\n  if r2 == 0 goto out\n  call 6\n' + OUT,
  'divides by zero after a guess':
    '  r2 = *(u32 *)(r1 + 0)\n  r3 = 0\n  if r2 == 1 goto other\n  r3 = 1\nother:\n  if r3 == 1 goto out\n  r2 /= 0\n' +
    OUT,
  'counts to five': '  r2 = 0\nagain:\n  r2 += 1\n  if r2 < 5 goto again\n' + OUT,
  'counts a register to a register': '  r2 = 0\n  r3 = 4\nagain:\n  r2 += 1\n  if r2 < r3 goto again\n' + OUT,
  'spills and fills a pointer':
    '  *(u64 *)(r10 - 8) = r1\n  r2 = *(u64 *)(r10 - 8)\n  r0 = *(u32 *)(r2 + 0)\n  r0 = 0\n  exit\n',
  'tail calls a known program': '  r2 = t ll\n  r3 = 1\n  call tail_call\n' + OUT,
  'tail calls any program': '  r6 = *(u32 *)(r1 + 0)\n  r2 = t ll\n  r3 = r6\n  call tail_call\n' + OUT,
  prints: '  r1 = r10\n  r2 = 4\n  call trace_printk\n' + OUT,
}

/** Each program for each of these types. */
export const PROGRAMS: readonly UnprivilegedProgram[] = ['socket_filter', 'cgroup_skb', 'sched_cls', 'xdp'].flatMap(
  (prog) => Object.entries(bodies).map(([name, asm]) => ({ name: `${prog} ${name}`, prog, asm })),
)
