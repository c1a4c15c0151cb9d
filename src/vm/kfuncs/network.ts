import { ERRNO } from '../../base/index.js'
import type { HelperFunction } from '../types.js'
import type { KfuncFamily } from './family.js'

/** struct bpf_ct_opts: s32 netns_id, s32 error, u8 l4proto, … */
const CT_ERROR = 4
const CT_PROTOCOL = 8
const CT_OPTS_OLD = 12
const CT_OPTS = 16
const TUPLE_V4 = 12
const TUPLE_V6 = 36
const IPPROTO_TCP = 6
const IPPROTO_UDP = 17

/** No device here gives hints beside its packets. */
const noHint: HelperFunction = () => -ERRNO.EOPNOTSUPP

/** Connection tracking that tracks nothing: arguments are checked, no entry is found or made. */
function conntrack(result: number): HelperFunction {
  return (machine, _ctx, _tuple, tupleSize, opts, optsSize) => {
    const at = opts >>> 0
    if (at === 0 || optsSize < CT_PROTOCOL) return 0
    const { view } = machine.memory
    const protocol = view.getUint8(at + CT_PROTOCOL)
    let error = -result
    if (optsSize !== CT_OPTS && optsSize !== CT_OPTS_OLD) error = -ERRNO.EINVAL
    else if (view.getInt32(at, true) < -1) error = -ERRNO.EINVAL
    else if (protocol !== IPPROTO_TCP && protocol !== IPPROTO_UDP) error = -ERRNO.EPROTO
    else if (tupleSize !== TUPLE_V4 && tupleSize !== TUPLE_V6) error = -ERRNO.EAFNOSUPPORT
    view.setInt32(at + CT_ERROR, error, true)
    return 0
  }
}

/** Kernel functions of packet programs that are not about dynptrs. */
export const networkKfuncs: KfuncFamily = {
  bpf_xdp_metadata_rx_timestamp: { abi: 'pp>i', run: noHint },
  bpf_xdp_metadata_rx_hash: { abi: 'ppp>i', run: noHint },
  bpf_xdp_metadata_rx_vlan_tag: { abi: 'ppp>i', run: noHint },
  bpf_skb_ct_lookup: { abi: 'ppipi>p', run: conntrack(ERRNO.ENOENT) },
  bpf_xdp_ct_lookup: { abi: 'ppipi>p', run: conntrack(ERRNO.ENOENT) },
  bpf_skb_ct_alloc: { abi: 'ppipi>p', run: conntrack(ERRNO.ENOMEM) },
  bpf_xdp_ct_alloc: { abi: 'ppipi>p', run: conntrack(ERRNO.ENOMEM) },
  bpf_ct_release: { abi: 'p>v', run: () => 0 },
}
