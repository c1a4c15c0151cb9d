import type { Memory } from '../memory.js'
import type { NetworkHost } from './network-host.js'
import { SocketTable } from './socket-table.js'

/** The network as one machine's programs see it: the host's answers, and sockets with addresses in memory. */
export class Network {
  host: NetworkHost
  readonly sockets: SocketTable

  constructor(memory: Memory, host: NetworkHost) {
    this.host = host
    this.sockets = new SocketTable(memory)
  }
}
