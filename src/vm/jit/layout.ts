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
  const state: State = {
    layout,
    region,
    regions: 0,
    predecessors: predecessorsOf(nodes),
    numbers: new Int32Array(nodes.length),
    low: new Int32Array(nodes.length),
    open: new Uint8Array(nodes.length),
  }
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
  /** Tarjan's: order of visit from 1 (0: not yet), the lowest number reached, and whether a node's component is open. */
  readonly numbers: Int32Array
  readonly low: Int32Array
  readonly open: Uint8Array
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
    for (const node of component) {
      state.region[node] = id
      state.numbers[node] = 0
    }
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
  const { numbers, low, open } = state
  const found: number[][] = []
  const stack: number[] = []
  /** The nodes on the way from the root, and which edge of each is next. */
  const path: number[] = []
  const edges: number[] = []
  let count = 0
  const enter = (node: number): void => {
    numbers[node] = low[node] = ++count
    open[node] = 1
    stack.push(node)
    path.push(node)
    edges.push(0)
  }
  for (const root of roots) {
    if (state.region[root] !== region || numbers[root] !== 0) continue
    enter(root)
    while (path.length > 0) {
      const depth = path.length - 1
      const node = path[depth]!
      const edge = nodes[node]!.edges[edges[depth]!++]
      if (edge !== undefined) {
        const { to } = edge
        if (state.region[to] !== region) continue
        if (numbers[to] === 0) enter(to)
        else if (open[to] === 1) low[node] = Math.min(low[node]!, numbers[to]!)
        continue
      }
      path.pop()
      edges.pop()
      const up = path[depth - 1]
      if (up !== undefined) low[up] = Math.min(low[up]!, low[node]!)
      if (low[node] !== numbers[node]) continue
      const component: number[] = []
      let member: number
      do {
        member = stack.pop()!
        open[member] = 0
        component.push(member)
      } while (member !== node)
      found.push(component.reverse())
    }
  }
  return found.reverse()
}
