import { ExecutionError } from '../errors.js'
import { callFunction } from '../helpers/callback.js'
import {
  addToTree,
  childOfNode,
  endNode,
  firstOfTree,
  popNode,
  pushNode,
  removeFromTree,
  rootOfTree,
} from '../linked.js'
import type { Machine } from '../machine.js'
import { OutOfMemoryError } from '../memory.js'
import type { HelperFunction, SpecialField } from '../types.js'
import type { KfuncFamily } from './family.js'

/** Size and fields of a type of the program's. */
function typeOf(machine: Machine, typeId: number): { size: number; fields: readonly SpecialField[] } {
  const type = machine.image?.localType?.(typeId)
  if (type !== undefined) return type
  throw new ExecutionError(
    { program: machine.image?.name ?? '', pc: 0 },
    `allocates an object of type id ${typeId}, which the program's BTF does not describe`,
  )
}

/** An address, or NULL when there is no memory. */
function orNull(create: () => number): number {
  try {
    return create() | 0
  } catch (error) {
    if (error instanceof OutOfMemoryError) return 0
    throw error
  }
}

const drop: HelperFunction = (machine, object) => {
  machine.objects.drop(object >>> 0)
  return 0
}

/** Objects of programs, and the lists and trees they stand in. */
export const objectKfuncs: KfuncFamily = {
  bpf_obj_new_impl: {
    abi: 'lp>p',
    run: (machine, typeId) => {
      const { size, fields } = typeOf(machine, typeId)
      return orNull(() => machine.objects.create(size, fields))
    },
  },
  bpf_obj_drop_impl: { abi: 'pp>v', run: drop },
  bpf_percpu_obj_new_impl: {
    abi: 'lp>p',
    run: (machine, typeId) => orNull(() => machine.objects.createPerCpu(typeOf(machine, typeId).size)),
  },
  bpf_percpu_obj_drop_impl: { abi: 'pp>v', run: drop },
  bpf_refcount_acquire_impl: {
    abi: 'pp>p',
    run: (machine, object) => {
      machine.objects.acquire(object >>> 0)
      return object
    },
  },
  bpf_list_push_front_impl: {
    abi: 'pppl>i',
    run: (machine, head, node) => pushNode(machine, head >>> 0, node >>> 0, false),
  },
  bpf_list_push_back_impl: {
    abi: 'pppl>i',
    run: (machine, head, node) => pushNode(machine, head >>> 0, node >>> 0, true),
  },
  bpf_list_pop_front: { abi: 'p>p', run: (machine, head) => popNode(machine, head >>> 0, false) | 0 },
  bpf_list_pop_back: { abi: 'p>p', run: (machine, head) => popNode(machine, head >>> 0, true) | 0 },
  bpf_list_front: { abi: 'p>p', run: (machine, head) => endNode(machine, head >>> 0, false) | 0 },
  bpf_list_back: { abi: 'p>p', run: (machine, head) => endNode(machine, head >>> 0, true) | 0 },
  bpf_rbtree_add_impl: {
    abi: 'ppppl>i',
    run: (machine, root, node, less) =>
      addToTree(machine, root >>> 0, node >>> 0, (a, b) => {
        callFunction(machine, less, a, b)
        return machine.r0lo !== 0
      }),
  },
  bpf_rbtree_remove: { abi: 'pp>p', run: (machine, root, node) => removeFromTree(machine, root >>> 0, node >>> 0) | 0 },
  bpf_rbtree_first: { abi: 'p>p', run: (machine, root) => firstOfTree(machine, root >>> 0) | 0 },
  bpf_rbtree_root: { abi: 'p>p', run: (machine, root) => rootOfTree(machine, root >>> 0) | 0 },
  bpf_rbtree_left: {
    abi: 'pp>p',
    run: (machine, root, node) => childOfNode(machine, root >>> 0, node >>> 0, 'left') | 0,
  },
  bpf_rbtree_right: {
    abi: 'pp>p',
    run: (machine, root, node) => childOfNode(machine, root >>> 0, node >>> 0, 'right') | 0,
  },
}
