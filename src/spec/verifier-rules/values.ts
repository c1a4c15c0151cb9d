import type { VerifierRule } from './rule.js'

/** Registers and the numbers in them. */
export const VALUE_RULES = [
  {
    id: 'uninitialized-register',
    title: 'A register is read only after something was written to it.',
    messages: ['%R !read_ok', 'cannot read uninitialized register %R'],
    cause: 'uninitialized',
    hint:
      'On the path shown nothing was stored in this register. A call leaves nothing in r1-r5, and r0 only when the function ' +
      'returns something; a variable set on one branch only is not set on the other.',
    check: 'int value = 0; /* set on every path before it is used */',
  },
  {
    id: 'frame-pointer-write',
    title: 'r10, the frame pointer, is never written.',
    messages: ['frame pointer is read only'],
    cause: 'program',
    hint: 'Compilers never do this: the assembler text writes r10. Copy it to another register and change that one.',
  },
  {
    id: 'invalid-register-number',
    title: 'Programs have the registers r0 to r10.',
    messages: ['R%d is invalid', 'invalid register %d'],
    cause: 'program',
    hint: 'The instruction names a register above r10: it was not made by a compiler, or the bytes are not instructions.',
  },
  {
    id: 'division-by-zero',
    title: 'No division by the constant 0.',
    messages: ['div by zero'],
    cause: 'program',
    hint: 'The divisor is the constant 0. (A register that happens to be 0 is allowed: the result is 0 then.)',
    check: 'if (divisor == 0)\n\treturn 0;',
  },
  {
    id: 'invalid-shift',
    title: 'A constant shift is smaller than the width of the value.',
    messages: ['invalid shift %d'],
    cause: 'program',
    hint: 'A shift by 64 (or by 32 of a 32-bit value) or more is undefined in C, too: mask the amount.',
  },
  {
    id: 'return-value-out-of-range',
    title: 'The result lies in the range that the program type allows.',
    messages: [
      'At program exit the register R0 has %s should have been in %s',
      'At program exit the register R0 has value %s should have been in %s',
      'At async callback return the register R0 has %s should have been in %s',
      'At callback return the register R0 has %s should have been in %s',
      'At subprogram exit the register R0 has %s should have been in %s',
      'At callback return, R0 has %s should have been in %s',
      '%s should have been in %s',
    ],
    cause: 'bounds',
    hint:
      'The kernel gives meaning to certain results only. Return constants, or make sure by a comparison or a mask that the ' +
      'value lies in the range of the message. A callback has a range of its own.',
    check: 'return value ? 1 : 0;',
  },
  {
    id: 'return-value-not-a-number',
    title: 'The result is a number.',
    messages: [
      'At program exit the register R0 is not a known value (%s)',
      'At async callback return the register R0 is not a known value (%s)',
      'At callback return the register R0 is not a known value (%s)',
      'At subprogram exit the register R0 is not a scalar value (%s)',
      '%s the register R0 is not a known value (%s)',
      'R0 leaks addr as return value',
      'R0 not a scalar value',
      'At program exit the register R0 is not a scalar value (%s)',
      'At %s the register %R is not a known value (%s)',
      '%s the register %R is not a known value (%s)',
    ],
    cause: 'kind',
    hint: 'A pointer must not leave the program as its result. Return a constant, or the value it points to.',
    check: 'return 0;',
  },
  {
    id: 'unbounded-value',
    title: 'A number used as an offset or a size has an upper bound.',
    messages: [
      '%R unbounded memory access, make sure to bounds check any such access',
      "%R unbounded memory access, use 'var &= const' or 'if (var < const)'",
      '%R unbounded memory access, make sure to bounds check any array access into a map',
      'math between %s pointer and register with unbounded min value is not allowed',
      '%R unbounded memory access',
    ],
    cause: 'bounds',
    hint:
      'The verifier knows no upper limit (or no lower one) of the number. Compare the very variable that is used, as unsigned, with a ' +
      'constant, right before its use. What the compiler does to a copy of it may not carry over: assign the result of the check back.',
    check: 'if (index >= MAX)\n\treturn 0;\n/* or, for a power of two: */\nindex &= MAX - 1;',
  },
  {
    id: 'negative-value',
    title: 'A number used as an offset or a size is not negative.',
    messages: [
      '%R min value is negative, either use unsigned index or do a if (index >=0) check.',
      "%R min value is negative, either use unsigned or 'var &= const'",
      '%R min value is negative',
    ],
    cause: 'bounds',
    hint:
      'As far as the verifier knows the number may be below zero: it is signed, or only compared from above with a signed comparison. ' +
      'Declare it unsigned, or compare it with 0, too. A helper that returns an error code as a negative number is the usual source.',
    check: 'if (length < 0)\n\treturn 0;\n/* or declare it */ __u32 length;',
  },
  {
    id: 'zero-size',
    title: 'A size that must not be zero has a lower bound of one.',
    messages: ['%R invalid zero-sized read: u64=%s', 'invalid zero-sized read', '%R invalid zero-sized read'],
    cause: 'bounds',
    hint: 'This argument may not be 0, and the verifier cannot exclude it. Compare it, or call the helper only when there is something.',
    check: 'if (length == 0 || length > MAX)\n\treturn 0;',
  },
  {
    id: 'offset-too-large',
    title: 'No offset comes near 2^29, the size no object has.',
    messages: [
      'math between %s pointer and %d is not allowed',
      '%s pointer offset %d is not allowed',
      'value %d makes %s pointer be out of bounds',
    ],
    cause: 'bounds',
    hint: 'The constant, or the bound of the number, is larger than any memory a program can reach. Bound the number more closely.',
    check: 'if (offset > sizeof(buffer) - 1)\n\treturn 0;',
  },
  {
    id: 'not-a-constant',
    title: 'This argument is a constant the verifier knows.',
    messages: [
      "%R is not a known constant'",
      '%R must be a known constant',
      '%R is not a constant',
      'map_key/map_value at variable offset%s',
      "get_local_storage() doesn't support non-zero flags",
      'R%d must be a constant',
      'verifier bug: only one of mem_size or kfunc arg constant is allowed',
      '%R is not a const',
      '2 or more rdonly/rdwr_buf_size parameters for kfunc',
    ],
    cause: 'bounds',
    hint: 'The kernel must know this argument when it loads the program. Write a literal, a `const` global, or `sizeof`.',
  },
] as const satisfies readonly VerifierRule[]
