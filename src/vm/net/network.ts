import type { Machine } from '../machine.js'
import type { Memory } from '../memory.js'
import type { NetworkHost } from './network-host.js'
import { SocketTable } from './socket-table.js'

/** The network as one machine's programs see it: the host's answers, and sockets with addresses in memory. */
export class Network {
  host: NetworkHost
  readonly sockets: SocketTable
  readonly #cookieKeys: (Uint32Array | undefined)[] = []

  constructor(memory: Memory, host: NetworkHost) {
    this.host = host
    this.sockets = new SocketTable(memory)
  }

  /** Keys of the SYN cookies, drawn when first used. */
  cookieKey(machine: Machine, which: 0 | 1): Uint32Array {
    let key = this.#cookieKeys[which]
    if (key === undefined) {
      key = Uint32Array.from({ length: 4 }, () => machine.random.u32())
      this.#cookieKeys[which] = key
    }
    return key
  }
}
