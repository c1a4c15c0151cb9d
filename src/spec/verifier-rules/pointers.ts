import type { VerifierRule } from './rule.js'

/** What may be done with a pointer, and through one. */
export const POINTER_RULES = [
  {
    id: 'null-dereference',
    title: 'A pointer that may be NULL is compared with NULL before it is used.',
    messages: [
      "%R invalid mem access '%s_or_null'",
      "%R invalid mem access '%s_or_null_'",
      '%R pointer arithmetic on %s_or_null prohibited, null-check it first',
      '%R pointer arithmetic on %s_or_null_ prohibited, null-check it first',
      '%R pointer arithmetic on %s prohibited, null-check it first',
    ],
    cause: 'null',
    hint:
      'The function that returned this pointer can fail. Compare its result with NULL, and use it only on the branch where it is not. ' +
      'Each call returns another pointer: a check of one says nothing of the next.',
    check: 'if (!value)\n\treturn 0;',
  },
  {
    id: 'not-a-pointer',
    title: 'Memory is reached through pointers, not through numbers.',
    messages: [
      "%R invalid mem access 'scalar'",
      "%R invalid mem access 'inv'",
      "%R invalid mem access 'scalar_or_null'",
    ],
    cause: 'kind',
    hint:
      'The register holds a plain number here. Usual reasons: a kernel address from a tracing argument or probe_read (read it with ' +
      'bpf_probe_read_kernel or BPF_CORE_READ), a packet pointer after a call that may move the packet (load data and data_end again), ' +
      'an object that was released, a pointer that went through 32 bits or was partly overwritten on the stack, or a NULL that became a constant 0.',
    check: 'bpf_probe_read_kernel(&value, sizeof(value), &ptr->member);',
  },
  {
    id: 'pointer-not-dereferenceable',
    title: 'Only pointers to memory of the program can be read and written.',
    messages: ["%R invalid mem access '%s'", 'only read is supported', 'only read from bpf_array is supported'],
    cause: 'kind',
    hint:
      'This kind of pointer is a handle, not memory (a map, the end of a packet, a function), or it may only be read. ' +
      'Use the helper that works on it.',
  },
  {
    id: 'read-only-memory',
    title: 'Memory given for reading is not written.',
    messages: [
      '%R cannot write into %s',
      'write to change key %R not allowed',
      'cannot write into packet',
      'write access to a kernel object',
    ],
    cause: 'kind',
    hint: 'The pointer comes from something that programs of this type may only read. Copy the bytes to the stack and change the copy.',
  },
  {
    id: 'pointer-arithmetic',
    title: 'To a pointer numbers may be added and subtracted, nothing else.',
    messages: [
      '%R pointer arithmetic on %s prohibited',
      '%R pointer arithmetic with %s operator prohibited',
      '%R bitwise operator %s on pointer prohibited',
      '%R 32-bit pointer arithmetic prohibited',
      '%R pointer arithmetic prohibited',
      '%R pointer %s pointer prohibited',
      '%R tried to subtract pointer from scalar',
      '%R subtraction from stack pointer prohibited',
      '%R pointer arithmetic of %s prohibited',
      'R%d pointer comparison prohibited',
      '%R tried to add from different maps, paths or scalars%s',
      '%R has unknown scalar with mixed signed bounds%s',
      '%R has pointer with unsupported alu operation%s',
      '%R tried to %s from different maps, paths or scalars, pointer arithmetic with it prohibited for !root',
    ],
    cause: 'kind',
    hint:
      'This operation would make the pointer something the verifier can no longer follow. Do arithmetic on numbers and add the result ' +
      'to an unchanged pointer; pointers to the context, maps and packet ends cannot be moved at all.',
  },
  {
    id: 'pointer-leak',
    title: 'Addresses of the kernel do not leave an unprivileged program.',
    messages: [
      '%R leaks addr %s',
      'R%d leaks addr as return value',
      '%R leaks addr into %s',
      'leaking pointer from stack off %d',
      'attempt to corrupt spilled pointer on stack',
      '%R partial copy of pointer',
      '%R sign-extension part of pointer',
    ],
    cause: 'kind',
    hint: 'Without CAP_PERFMON a pointer may not be stored where user space reads it, nor be compared or changed bit by bit.',
  },
  {
    id: 'modified-pointer',
    title: 'This kind of pointer is passed on exactly as it was given.',
    messages: [
      'dereference of modified %s ptr %R off=%d disallowed',
      'negative offset %s ptr %R off=%d disallowed',
      'variable %s access var_off=%s disallowed',
      '%R must have zero offset when passed to release func or trusted arg to kfunc',
      "%R doesn't have constant offset. %s has to be at the constant offset",
    ],
    cause: 'kind',
    hint:
      'An offset was added to a pointer (often by the compiler, which keeps `ctx + offset` in a register). Access members through the ' +
      'original pointer, and keep the compiler from merging accesses with a barrier.',
    check: 'asm volatile("" : "+r"(ctx)); /* or read the member into a variable first */',
  },
  {
    id: 'mixed-pointer-kinds',
    title: 'One instruction meets the same kind of pointer on every path.',
    messages: ['same insn cannot be used with different pointers'],
    cause: 'kind',
    hint:
      'Two branches join with different kinds of pointers in one register, and the instruction must be rewritten for each. The compiler ' +
      'merged two accesses: keep them apart with a barrier.',
    check: 'asm volatile("" ::: "memory");',
  },
  {
    id: 'out-of-bounds',
    title: 'An access stays inside the memory it points to.',
    messages: [
      '%R min value is outside of the allowed memory range',
      '%R max value is outside of the allowed memory range',
      '%R min value is outside of the array range',
      '%R max value is outside of the array range',
      'invalid access to map value, value_size=%d off=%d size=%d',
      'invalid access to map key, key_size=%d off=%d size=%d',
      'invalid access to memory, mem_size=%d off=%d size=%d',
      'invalid access to map value pointer, value_size=%d off=%d',
      'invalid access to %s off=%d size=%d',
      '%R invalid %s buffer access: off=%d, size=%d',
      '%R invalid variable buffer offset: off=%d, var_off=%s',
      '%R invalid %s access off=%d size=%d',
      'R%d invalid mem access off=%d size=%d',
      'write to map value of size %s',
    ],
    cause: 'bounds',
    hint:
      'The offset plus the size of the access can lie beyond the object. Check `index + size <= sizeof(object)`, not only the index, ' +
      'and mind that the comparison must be of the variable that is used (after all arithmetic on it).',
    check: 'if (index > sizeof(value->bytes) - sizeof(__u64))\n\treturn 0;',
  },
  {
    id: 'misaligned-access',
    title: 'Stack accesses are aligned to their size; others where the program asks for it.',
    messages: ['misaligned %saccess off %s size %d', 'misaligned %s size %d'],
    cause: 'bounds',
    hint: 'The address is not a multiple of the size. Align the variable, copy the bytes, or use smaller loads.',
    check: '__builtin_memcpy(&value, pointer, sizeof(value));',
  },
  {
    id: 'special-field-access',
    title: 'Locks, timers, lists and other special members are used through their functions only.',
    messages: [
      '%s cannot be accessed directly by load/store',
      '%s cannot be accessed %s',
      'direct access to %s is disallowed',
      '%s access cannot have variable offset',
      '%s access misaligned expected=%d off=%s',
      '%s access size must be BPF_DW',
      '%s cannot be accessed indirectly by helper',
      'kptr access from untrusted pointer to %s%s',
      'store to referenced kptr disallowed',
      'store to uptr disallowed',
      'BPF_STX imm must be 0 when storing to kptr at off=%d',
      'BPF_ST imm must be 0 when storing to kptr at off=%d',
      'kptr in map can only be accessed using BPF_MEM instruction mode',
      '%s in map can only be accessed using BPF_MEM instruction mode',
      'invalid kptr access, %s',
      "off=%d doesn't point to kptr",
      "off=%d kptr isn't referenced kptr",
    ],
    cause: 'kind',
    hint: 'The access overlaps a member that belongs to the kernel. Copy or assign the other members one by one, not the struct.',
  },
  {
    id: 'atomic-target',
    title: 'Atomic operations work on the stack, map values and allocated memory.',
    messages: [
      'BPF_ATOMIC stores into %R %s is not allowed',
      'BPF_ATOMIC loads from %R %s is not allowed',
      'BPF_XADD stores into %R %s is not allowed',
    ],
    cause: 'kind',
    hint: 'Contexts, packets and sockets take no atomic operations: load, change and store, or count in a map value.',
  },
] as const satisfies readonly VerifierRule[]
