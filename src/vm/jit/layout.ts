import type { Edge, Node } from './control-flow.js'

/** A loop's nodes lie together, its header first: positions [start, end). */
export interface LoopRange {
  readonly start: number
  readonly end: number
}

export interface Layout {
  /** All nodes, dispatchers included. */
  readonly nodes: Node[]
  /** Nodes in the order they are written: but for edges to loop headers, every edge goes forward. */
  readonly order: number[]
  /** Position of each node in `order`. */
  readonly positions: Int32Array
  readonly loops: LoopRange[]
}

/**
 * Orders a function's nodes so that loops are contiguous and all other edges go forward. A region with several entries
 * (irreducible control flow) gets a dispatcher in front: a loop header that goes to the entry which a variable names;
 * edges to the entries become edges to the dispatcher that set the variable. `nodes` is changed by that.
 */
export function layOut(nodes: Node[]): Layout {
  const layout: Layout = { nodes, order: [], positions: new Int32Array(0), loops: [] }
  const region = new Int32Array(nodes.length)
  const state: State = { layout, region, regions: 0, predecessors: predecessorsOf(nodes) }
  place(state, [0], 0)
  const positions = new Int32Array(nodes.length)
  layout.order.forEach((node, position) => {
    positions[node] = position
  })
  return { ...layout, positions }
}

interface State {
  readonly layout: Layout
  /** Region each node is in at the moment; dispatchers are in none. */
  readonly region: Int32Array
  regions: number
  /** Edges into each node, with the node they come from. */
  readonly predecessors: { readonly from: number; readonly edge: Edge }[][]
}

function predecessorsOf(nodes: readonly Node[]): State['predecessors'] {
  const result: State['predecessors'] = nodes.map(() => [])
  nodes.forEach(({ edges }, from) => {
    for (const edge of edges) result[edge.to]!.push({ from, edge })
  })
  return result
}

/** Places the nodes of a region that are reached from `roots`; later roots come first. */
function place(state: State, roots: readonly number[], region: number): void {
  const { layout } = state
  const { nodes, order, loops } = layout
  for (const component of components(state, roots, region)) {
    const first = component[0]!
    if (component.length === 1 && !nodes[first]!.edges.some((edge) => edge.to === first)) {
      order.push(first)
      continue
    }
    const id = ++state.regions
    for (const node of component) state.region[node] = id
    // The function's entry comes first: a dispatcher's variable is zero at the start.
    const entries = component
      .filter((node) => node === 0 || state.predecessors[node]!.some(({ from }) => (state.region[from] ?? -1) !== id))
      .sort((a, b) => a - b)
    const start = order.length
    if (entries.length === 1) {
      const header = entries[0]!
      order.push(header)
      // Out of the region: edges back to it are no longer looked at.
      state.region[header] = -1
      place(
        state,
        nodes[header]!.edges.map((edge) => edge.to),
        id,
      )
    } else {
      order.push(dispatcher(state, entries))
      place(state, entries, id)
    }
    loops.push({ start, end: order.length })
  }
}

/** A new node that all edges to `entries` go to instead. */
function dispatcher(state: State, entries: readonly number[]): number {
  const { nodes } = state.layout
  const id = nodes.length
  const incoming: { from: number; edge: Edge }[] = []
  entries.forEach((entry, index) => {
    for (const { from, edge } of state.predecessors[entry]!) {
      edge.to = id
      edge.state = index
      incoming.push({ from, edge })
    }
  })
  const node: Node = {
    first: -1,
    end: -1,
    edges: entries.map((entry) => ({ to: entry, state: -1 })),
    conditional: false,
  }
  nodes.push(node)
  state.predecessors.push(incoming)
  entries.forEach((entry, index) => {
    state.predecessors[entry] = [{ from: id, edge: node.edges[index]! }]
  })
  return id
}

/** Strongly connected components of a region that the roots reach, in topological order (Tarjan, without recursion). */
function components(state: State, roots: readonly number[], region: number): number[][] {
  const { nodes } = state.layout
  const found: number[][] = []
  const numbers = new Map<number, number>()
  const low = new Map<number, number>()
  const open: number[] = []
  const isOpen = new Set<number>()
  const path: { node: number; next: number }[] = []
  const enter = (node: number): void => {
    numbers.set(node, numbers.size)
    low.set(node, numbers.get(node)!)
    open.push(node)
    isOpen.add(node)
    path.push({ node, next: 0 })
  }
  for (const root of roots) {
    if (state.region[root] !== region || numbers.has(root)) continue
    enter(root)
    while (path.length > 0) {
      const frame = path.at(-1)!
      const edge = nodes[frame.node]!.edges[frame.next++]
      if (edge !== undefined) {
        const { to } = edge
        if (state.region[to] !== region) continue
        if (!numbers.has(to)) enter(to)
        else if (isOpen.has(to)) low.set(frame.node, Math.min(low.get(frame.node)!, numbers.get(to)!))
        continue
      }
      path.pop()
      const up = path.at(-1)
      if (up !== undefined) low.set(up.node, Math.min(low.get(up.node)!, low.get(frame.node)!))
      if (low.get(frame.node) !== numbers.get(frame.node)) continue
      const component: number[] = []
      let node: number
      do {
        node = open.pop()!
        isOpen.delete(node)
        component.push(node)
      } while (node !== frame.node)
      found.push(component.reverse())
    }
  }
  return found.reverse()
}
