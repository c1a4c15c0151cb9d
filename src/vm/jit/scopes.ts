import type { Edge } from './control-flow.js'
import type { Layout } from './layout.js'

/**
 * A wasm block or loop around positions [start, end) of a layout. A jump to a block goes to its end, one to a loop to its
 * start.
 */
export interface Scope {
  readonly kind: 'block' | 'loop'
  readonly start: number
  readonly end: number
}

/** Is the edge from a position taken by just going on to the next one? */
export function fallsThrough(layout: Layout, position: number, edge: Edge): boolean {
  return layout.nodes[layout.order[position]!]!.first >= 0 && layout.positions[edge.to] === position + 1
}

/**
 * The blocks and loops that a layout's jumps need, properly nested: by start, outer ones first. Each block ends before the
 * node it is for and begins as late as its jumps and the scopes it crosses allow.
 */
export function scopesOf(layout: Layout): Scope[] {
  const { nodes, order, positions, loops } = layout
  const count = order.length
  /** First position from which something jumps forward to a position. */
  const firstJump = new Int32Array(count).fill(-1)
  order.forEach((node, position) => {
    for (const edge of nodes[node]!.edges) {
      const to = positions[edge.to]!
      if (to > position && firstJump[to] === -1 && !fallsThrough(layout, position, edge)) firstJump[to] = position
    }
  })
  const scopes: Scope[] = []
  // Scopes that lie in no other one yet, in order: only these can be crossed by a block that ends later.
  const outermost: Scope[] = []
  const add = (scope: Scope): void => {
    while (outermost.length > 0 && outermost.at(-1)!.start >= scope.start) outermost.pop()
    outermost.push(scope)
    scopes.push(scope)
  }
  // Inner loops before those around them.
  const pending = loops.toSorted((a, b) => a.end - b.end || b.start - a.start)
  let nextLoop = 0
  for (let position = 0; position <= count; position++) {
    for (; nextLoop < pending.length && pending[nextLoop]!.end <= position; nextLoop++) {
      add({ kind: 'loop', ...pending[nextLoop]! })
    }
    if (position === count || firstJump[position] === -1) continue
    let start = firstJump[position]!
    for (let i = outermost.length - 1; i >= 0; i--) {
      const scope = outermost[i]!
      if (scope.end <= start) break
      if (scope.start < start) start = scope.start
    }
    add({ kind: 'block', start, end: position })
  }
  // Where both start together, a block that ends with a loop is outside of it: its target lies behind the loop.
  return scopes.sort((a, b) => a.start - b.start || b.end - a.end || (a.kind === 'block' ? -1 : 1))
}
