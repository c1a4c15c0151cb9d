/** What tracefs says of a tracepoint of the group xdp. */
export interface TracepointFormat {
  readonly id: number
  /** Fields behind the common ones, four bytes each, from offset 8 on. */
  readonly fields: readonly string[]
  /** As its print format has them, behind `prefix`. */
  readonly print: readonly string[]
  readonly prefix?: string
}

/** Formats of Linux 6.18 (include/trace/events/xdp.h); the numbers are this kernel's own. */
// biome-ignore format: one row per line
export const TRACEPOINT_FORMATS: Readonly<Record<string, TracepointFormat>> = {
  xdp_exception: { id: 301, fields: ['prog_id', 'act', 'ifindex'], print: ['prog_id', 'act', 'ifindex'] },
  xdp_bulk_tx: { id: 302, fields: ['ifindex', 'act', 'drops', 'sent', 'err'], print: ['ifindex', 'act', 'sent', 'drops', 'err'] },
  xdp_redirect: { id: 303, fields: ['prog_id', 'act', 'ifindex', 'err', 'to_ifindex', 'map_id', 'map_index'], print: ['prog_id', 'act', 'ifindex', 'to_ifindex', 'err', 'map_id', 'map_index'] },
  xdp_redirect_err: { id: 304, fields: ['prog_id', 'act', 'ifindex', 'err', 'to_ifindex', 'map_id', 'map_index'], print: ['prog_id', 'act', 'ifindex', 'to_ifindex', 'err', 'map_id', 'map_index'] },
  xdp_cpumap_kthread: { id: 305, fields: ['map_id', 'act', 'cpu', 'drops', 'processed', 'sched', 'xdp_pass', 'xdp_drop', 'xdp_redirect'], print: ['cpu', 'map_id', 'act', 'processed', 'drops', 'sched', 'xdp_pass', 'xdp_drop', 'xdp_redirect'], prefix: 'kthread' },
  xdp_cpumap_enqueue: { id: 306, fields: ['map_id', 'act', 'cpu', 'drops', 'processed', 'to_cpu'], print: ['cpu', 'map_id', 'act', 'processed', 'drops', 'to_cpu'], prefix: 'enqueue' },
  xdp_devmap_xmit: { id: 307, fields: ['from_ifindex', 'act', 'to_ifindex', 'drops', 'sent', 'err'], print: ['from_ifindex', 'to_ifindex', 'act', 'sent', 'drops', 'err'], prefix: 'ndo_xdp_xmit' },
}

const ACTIONS: Readonly<Record<string, number>> = { ABORTED: 0, DROP: 1, PASS: 2, TX: 3, REDIRECT: 4 }

/** A field's value as a number: verdicts may stand there by name. */
export function fieldNumber(value: number | string | undefined): number {
  return typeof value === 'string' ? (ACTIONS[value] ?? 0) : (value ?? 0)
}

/** The tracepoint of a number; undefined: there is none. */
export function tracepointById(id: bigint): string | undefined {
  return Object.keys(TRACEPOINT_FORMATS).find((name) => BigInt(TRACEPOINT_FORMATS[name]?.id ?? 0) === id)
}
