import type { VerifierRule } from './rule.js'

/** Packets and contexts. */
export const PACKET_RULES = [
  {
    id: 'packet-out-of-bounds',
    title: 'Bytes of a packet are reached after a comparison with its end.',
    messages: ['%R offset is outside of the packet', 'invalid access to packet, off=%d size=%d, %R(id=%d,off=%d,r=%d)'],
    cause: 'bounds',
    hint:
      'r= in the message is how many bytes the comparison proved: less than the access needs. Compare `pointer + size` with data_end on ' +
      'this very pointer. A variable offset begins a new pointer that needs a comparison of its own, and its bound must stay below 64 KiB.',
    check: 'if ((void *)(header + 1) > data_end)\n\treturn XDP_PASS;',
  },
  {
    id: 'packet-access-unavailable',
    title: 'Helpers get packet memory only in program types and for arguments that allow it.',
    messages: ['helper access to the packet is not allowed'],
    cause: 'kind',
    hint: 'Copy the bytes to the stack (bpf_skb_load_bytes) and pass the copy.',
    check: 'bpf_skb_load_bytes(skb, offset, buffer, sizeof(buffer));',
  },
  {
    id: 'context-access',
    title: 'Members of the context are read and written as the program type allows.',
    messages: [
      'invalid bpf_context access off=%d size=%d',
      'invalid bpf_context access off=%d size=%d. Reference may already be released',
      'invalid bpf_context access off=%d. Reference may already be released',
      "func '%s' doesn't have %d-th argument",
      "func '%s' arg%d has btf_id %d type %s '%s'",
      "func '%s' arg%d type %s is not a struct",
      "func '%s' offset %d is not multiple of 8",
    ],
    cause: 'program',
    hint:
      'This member does not exist for this program or attach type, is read-only, or is wider or narrower than the access. Some members ' +
      'exist for some attach types only; pointers in a context are read whole.',
  },
  {
    id: 'legacy-packet-load',
    title: 'LD_ABS and LD_IND take the packet in r6, in program types that have them.',
    messages: [
      'BPF_LD_[ABS|IND] instructions not allowed for this program type',
      'at the time of BPF_LD_ABS|IND R6 != pointer to skb',
      'BPF_LD_[ABS|IND] uses reserved fields',
      'LD_[ABS|IND] %s',
    ],
    cause: 'kind',
    hint: 'These instructions come from classic BPF (asm("llvm.bpf.load.byte")). Use bpf_skb_load_bytes or direct packet access.',
  },
] as const satisfies readonly VerifierRule[]
