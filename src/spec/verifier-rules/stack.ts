import type { VerifierRule } from './rule.js'

/** The stack: 512 bytes a call chain. */
export const STACK_RULES = [
  {
    id: 'stack-out-of-bounds',
    title: 'Stack accesses lie within the 512 bytes below the frame pointer.',
    messages: [
      'invalid write to stack %R off=%d size=%d',
      'invalid read from stack %R off=%d size=%d',
      'invalid stack off=%d size=%d',
      'invalid indirect access to stack %R off=%d size=%d',
      'invalid stack type %R off=%d access_size=%d',
      'invalid variable-offset read from stack %R var_off=%s off=%d size=%d',
      'invalid variable-offset write to stack %R var_off=%s off=%d size=%d',
      'invalid variable-offset indirect access to stack %R var_off=%s off=%d size=%d',
      'invalid unbounded variable-offset read from stack %R',
      'invalid unbounded variable-offset write to stack %R',
      'invalid unbounded variable-offset indirect access to stack %R',
      'invalid unbounded variable-offset%s stack %R',
      'invalid variable stack access %R %s',
      '%R stack pointer arithmetic goes out of range%s',
    ],
    cause: 'bounds',
    hint:
      'The access begins below fp-512 or ends above fp: a buffer is shorter than the size that is passed, or an index into it has no ' +
      'bound. Larger buffers belong into a per-CPU array.',
    check: 'char buffer[64];\nif (length > sizeof(buffer))\n\tlength = sizeof(buffer);',
  },
  {
    id: 'stack-uninitialized',
    title: 'Stack is read only where it was written.',
    messages: [
      'invalid read from stack off %d+%d size %d',
      'invalid read from stack %R off %d+%d size %d',
      'invalid indirect read from stack %R off %d+%d size %d',
      'invalid indirect read from stack off %d+%d size %d',
      'invalid read from stack var_off %s+%d size %d',
      'invalid indirect read from stack %R var_off %s+%d size %d',
      'invalid read from stack %R var_off %s+%d size %d',
      'potential read of uninitialized stack%s',
    ],
    cause: 'uninitialized',
    hint: 'Some byte of what is read (often padding of a struct used as a key, or the tail of a buffer) was never written. Zero the whole object first.',
    check: 'struct key key = {};\n/* or */ __builtin_memset(&key, 0, sizeof(key));',
  },
  {
    id: 'stack-spill-size',
    title: 'Pointers are stored on the stack whole: eight bytes, aligned.',
    messages: ['invalid size of register spill', 'invalid size of register fill', 'corrupted spill memory'],
    cause: 'kind',
    hint: 'A pointer was stored or loaded in part. Use a variable of pointer type, not a packed struct or a 32-bit integer.',
  },
  {
    id: 'stack-pointer-escape',
    title: 'A pointer to a frame does not outlive it.',
    messages: [
      'cannot return stack pointer to the caller',
      'cannot spill pointers to stack into stack frame of the caller',
    ],
    cause: 'kind',
    hint: 'The function hands out the address of its own local variable. Let the caller pass a buffer.',
  },
  {
    id: 'stack-too-deep',
    title: 'The frames of a call chain together fit 512 bytes.',
    messages: [
      'combined stack size of %d calls is %d. Too large',
      'stack size of subprog %d is %d. Too large',
      'tail_calls are not allowed when call stack of previous frames is %d bytes. Too large',
      'stack depth %s exceeds %s',
    ],
    cause: 'program',
    hint:
      'Large local variables of nested functions add up (each frame is rounded up to 16 or 32 bytes), and below a tail call callers have ' +
      '256 bytes only. Move buffers into a per-CPU array map, or inline the function so that the compiler can share its room.',
    check:
      'struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __type(key, __u32); __type(value, struct scratch);\n\t __uint(max_entries, 1); } scratch SEC(".maps");',
  },
] as const satisfies readonly VerifierRule[]
