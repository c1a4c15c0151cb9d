// Advice that fits what the slice found, where it says more than the rule's own.

import type { CausalStep } from './types.js'

export interface Advice {
  readonly hint: string
  readonly check: string | undefined
}

/** Undefined where the rule's own hint is the best there is. */
export function adviceFor(
  ruleId: string | undefined,
  steps: readonly Pick<CausalStep, 'kind' | 'text' | 'value'>[],
): Advice | undefined {
  if (ruleId !== 'not-a-pointer' && ruleId !== 'argument-type') return undefined
  const lost = steps.findLast(({ kind }) => kind === 'lost')
  if (lost?.text.includes('may move the packet')) {
    return {
      hint:
        'The call may move or reallocate the packet, so pointers from before it are no longer good. Load data and data_end again ' +
        'after the call, and compare again.',
      check:
        'data = (void *)(long)ctx->data;\ndata_end = (void *)(long)ctx->data_end;\nif (data + sizeof(*header) > data_end)\n\treturn 0;',
    }
  }
  if (lost?.text.includes('gives it back')) {
    return {
      hint: 'The object was released before this use. Read what you need before the release, or release it later.',
      check: undefined,
    }
  }
  if (lost?.text.includes('overwrites a part')) {
    return {
      hint: 'A part of the pointer was overwritten on the stack: two variables share the slot, or a store goes beyond its buffer.',
      check: undefined,
    }
  }
  const narrowed = steps.findLast(({ kind }) => kind === 'narrowed')
  if (narrowed?.value === '0' || narrowed?.value === 'P0') {
    return {
      hint: 'On this branch the pointer is NULL: the comparison is the wrong way round, or the branch does not end.',
      check: undefined,
    }
  }
  return undefined
}
