import { BtfBuilder, encodeFuncInfo } from '../../btf/index.js'
import type { Kernel } from '../../kernel/index.js'
import { bpf_prog_type } from '../../spec/index.js'
import { type Availability, attempt, availability, tryLoad } from './attempt.js'
import { RETURN_ZERO } from './sample-program.js'

/** `call sub; exit; sub: r0 = 0; exit` */
const WITH_SUBPROGRAM = Uint8Array.of(0x85, 0x10, 0, 0, 1, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0, ...RETURN_ZERO)

/** Replacing a function of a loaded program: tried whole, on a program of our own. */
export function probeFreplace(kernel: Kernel): Availability {
  const builder = new BtfBuilder()
  const int = builder.add({
    kind: 'int',
    name: 'int',
    size: 4,
    bits: 32,
    bitOffset: 0,
    signed: true,
    char: false,
    bool: false,
  })
  const skb = builder.add({
    kind: 'struct',
    name: '__sk_buff',
    size: 4,
    kindFlag: false,
    members: [{ name: 'len', type: int, bitOffset: 0, bitSize: 0 }],
  })
  const ctx = builder.add({ kind: 'ptr', name: '', type: skb })
  const proto = builder.add({ kind: 'func_proto', name: '', type: int, params: [{ name: 'ctx', type: ctx }] })
  const main = builder.add({ kind: 'func', name: 'main_prog', type: proto, linkage: 'static' })
  const sub = builder.add({ kind: 'func', name: 'sub_prog', type: proto, linkage: 'global' })
  const btf = attempt(() => kernel.call('btf_load', { btf: builder.build() }).fd)
  if (btf.fd === undefined) return availability(btf.code)
  const progBtfFd = btf.fd
  try {
    const host = attempt(
      () =>
        kernel.call('prog_load', {
          progType: bpf_prog_type.BPF_PROG_TYPE_SCHED_CLS,
          insns: WITH_SUBPROGRAM,
          license: 'GPL',
          progBtfFd,
          funcInfo: encodeFuncInfo([
            { insnOff: 0, typeId: main },
            { insnOff: 2, typeId: sub },
          ]),
          funcInfoRecSize: 8,
        }).fd,
    )
    if (host.fd === undefined) return availability(host.code)
    const attachProgFd = host.fd
    try {
      return availability(
        tryLoad(kernel, {
          progType: bpf_prog_type.BPF_PROG_TYPE_EXT,
          insns: RETURN_ZERO,
          license: 'GPL',
          attachProgFd,
          attachBtfId: sub,
          progBtfFd,
          funcInfo: encodeFuncInfo([{ insnOff: 0, typeId: sub }]),
          funcInfoRecSize: 8,
        }),
      )
    } finally {
      kernel.call('close', { fd: attachProgFd })
    }
  } finally {
    kernel.call('close', { fd: progBtfFd })
  }
}
