import { connectKernel, converse } from '../../daemon/client.js'
import type { DaemonRequest } from '../../daemon/protocol.js'
import type { CommandHost } from '../../host/host.js'

/** Exit status where no kernel is up, as init scripts have it for "not running". */
export const NOT_UP = 3

/** Asks the kernel that is up; says so where none is. */
export async function askKernel(host: CommandHost, request: DaemonRequest): Promise<void> {
  const connected = await connectKernel()
  if ('refused' in connected) {
    host.err(`skep: ${connected.refused}\n`)
    host.exitStatus = NOT_UP
    return
  }
  host.exitStatus = await converse(connected.socket, request)
}
