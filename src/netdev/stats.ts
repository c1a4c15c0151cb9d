/** Counters of a device; names as in struct rtnl_link_stats64, and those of its XDP path. */
export interface DeviceStats {
  rxPackets: number
  txPackets: number
  rxBytes: number
  txBytes: number
  rxErrors: number
  txErrors: number
  rxDropped: number
  txDropped: number
  multicast: number
  collisions: number
  /** Frames an XDP program saw, and what became of them: `ethtool -S` of drivers. */
  xdpPackets: number
  xdpBytes: number
  xdpDrops: number
  xdpTx: number
  xdpTxErrors: number
  xdpRedirect: number
  xdpRedirectErrors: number
  /** Frames that others redirected here (ndo_xdp_xmit). */
  xdpXmit: number
  xdpXmitErrors: number
}

export function noStats(): DeviceStats {
  return {
    rxPackets: 0,
    txPackets: 0,
    rxBytes: 0,
    txBytes: 0,
    rxErrors: 0,
    txErrors: 0,
    rxDropped: 0,
    txDropped: 0,
    multicast: 0,
    collisions: 0,
    xdpPackets: 0,
    xdpBytes: 0,
    xdpDrops: 0,
    xdpTx: 0,
    xdpTxErrors: 0,
    xdpRedirect: 0,
    xdpRedirectErrors: 0,
    xdpXmit: 0,
    xdpXmitErrors: 0,
  }
}
