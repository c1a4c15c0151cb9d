import { ERRNO } from '../base/index.js'
import type { Machine } from './machine.js'
import type { Addr, Status } from './types.js'

// Lists and trees of program objects, in memory. Pointers are u64 of which the high half is 0.
// bpf_list_head { next, prev }; bpf_list_node { next, prev, owner }; bpf_rb_root { root, leftmost (unused) };
// bpf_rb_node { parent, right, left, owner }. A head of zeroes is an empty list.

const NEXT = 0
const PREV = 2
const NODE_OWNER = 4
const PARENT = 0
const RIGHT = 2
const LEFT = 4
const RB_OWNER = 6

/** Puts a node first or last. -EINVAL for a node that is in a list already: its object is dropped. */
export function pushNode(machine: Machine, head: Addr, node: Addr, last: boolean): Status {
  const { u32 } = machine.memory
  initList(u32, head)
  if (u32[(node >>> 2) + NODE_OWNER] !== 0) {
    machine.objects.drop(machine.objects.around(node))
    return -ERRNO.EINVAL
  }
  const before = last ? u32[(head >>> 2) + PREV]! : head
  const after = u32[(before >>> 2) + NEXT]!
  u32[(node >>> 2) + NEXT] = after
  u32[(node >>> 2) + PREV] = before
  u32[(before >>> 2) + NEXT] = node
  u32[(after >>> 2) + PREV] = node
  u32[(node >>> 2) + NODE_OWNER] = head
  return 0
}

/** Takes the first or last node out; 0 for an empty list. */
export function popNode(machine: Machine, head: Addr, last: boolean): Addr {
  const node = endNode(machine, head, last)
  if (node === 0) return 0
  const { u32 } = machine.memory
  const next = u32[(node >>> 2) + NEXT]!
  const prev = u32[(node >>> 2) + PREV]!
  u32[(prev >>> 2) + NEXT] = next
  u32[(next >>> 2) + PREV] = prev
  u32.fill(0, node >>> 2, (node >>> 2) + 6)
  return node
}

/** The first or last node, which stays; 0 for an empty list. */
export function endNode(machine: Machine, head: Addr, last: boolean): Addr {
  const { u32 } = machine.memory
  initList(u32, head)
  const node = u32[(head >>> 2) + (last ? PREV : NEXT)]!
  return node === head ? 0 : node
}

function initList(u32: Uint32Array, head: Addr): void {
  if (u32[(head >>> 2) + NEXT] !== 0) return
  u32[(head >>> 2) + NEXT] = head
  u32[(head >>> 2) + PREV] = head
}

/** Adds a node where `isLess(node, other)` puts it. -EINVAL for one that is in a tree: its object is dropped. */
export function addToTree(
  machine: Machine,
  root: Addr,
  node: Addr,
  isLess: (node: Addr, other: Addr) => boolean,
): Status {
  const { u32 } = machine.memory
  if (u32[(node >>> 2) + RB_OWNER] !== 0) {
    machine.objects.drop(machine.objects.around(node))
    return -ERRNO.EINVAL
  }
  let parent = 0
  let side = 0
  for (let at = u32[root >>> 2]!; at !== 0; at = machine.memory.u32[(at >>> 2) + side]!) {
    parent = at
    side = isLess(node, at) ? LEFT : RIGHT
  }
  const words = machine.memory.u32
  words.fill(0, node >>> 2, (node >>> 2) + 8)
  words[(node >>> 2) + PARENT] = parent
  words[(node >>> 2) + RB_OWNER] = root
  if (parent === 0) words[root >>> 2] = node
  else words[(parent >>> 2) + side] = node
  return 0
}

/** Takes a node out of its tree. 0 when it is in another one or none. */
export function removeFromTree(machine: Machine, root: Addr, node: Addr): Addr {
  const { u32 } = machine.memory
  if (node === 0 || u32[(node >>> 2) + RB_OWNER] !== root) return 0
  const left = u32[(node >>> 2) + LEFT]!
  const right = u32[(node >>> 2) + RIGHT]!
  if (left === 0 || right === 0) replaceChild(u32, root, node, left === 0 ? right : left)
  else {
    // The next node in order takes the place.
    const next = leftmost(u32, right)
    if (next !== right) {
      replaceChild(u32, root, next, u32[(next >>> 2) + RIGHT]!)
      u32[(next >>> 2) + RIGHT] = right
      u32[(right >>> 2) + PARENT] = next
    }
    replaceChild(u32, root, node, next)
    u32[(next >>> 2) + LEFT] = left
    u32[(left >>> 2) + PARENT] = next
  }
  u32.fill(0, node >>> 2, (node >>> 2) + 8)
  return node
}

/** Puts `child` where `node` hangs. */
function replaceChild(u32: Uint32Array, root: Addr, node: Addr, child: Addr): void {
  const parent = u32[(node >>> 2) + PARENT]!
  if (parent === 0) u32[root >>> 2] = child
  else u32[(parent >>> 2) + (u32[(parent >>> 2) + LEFT] === node ? LEFT : RIGHT)] = child
  if (child !== 0) u32[(child >>> 2) + PARENT] = parent
}

function leftmost(u32: Uint32Array, node: Addr): Addr {
  let at = node
  for (let next = at; next !== 0; next = u32[(at >>> 2) + LEFT]!) at = next
  return at
}

/** The node that is first in order, 0 for an empty tree. */
export function firstOfTree(machine: Machine, root: Addr): Addr {
  const { u32 } = machine.memory
  const top = u32[root >>> 2]!
  return top === 0 ? 0 : leftmost(u32, top)
}

export function rootOfTree(machine: Machine, root: Addr): Addr {
  return machine.memory.u32[root >>> 2]!
}

/** The child on one side, 0 where there is none or the node is of another tree. */
export function childOfNode(machine: Machine, root: Addr, node: Addr, side: 'left' | 'right'): Addr {
  const { u32 } = machine.memory
  if (u32[(node >>> 2) + RB_OWNER] !== root) return 0
  return u32[(node >>> 2) + (side === 'left' ? LEFT : RIGHT)]!
}

/** Drops every object of a list. */
export function emptyList(machine: Machine, head: Addr): void {
  for (let node = popNode(machine, head, false); node !== 0; node = popNode(machine, head, false)) {
    machine.objects.drop(machine.objects.around(node))
  }
}

/** Drops every object of a tree. */
export function emptyTree(machine: Machine, root: Addr): void {
  for (let node = firstOfTree(machine, root); node !== 0; node = firstOfTree(machine, root)) {
    removeFromTree(machine, root, node)
    machine.objects.drop(machine.objects.around(node))
  }
}
