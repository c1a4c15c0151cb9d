import { Command } from 'commander'
import { connectKernel, converse } from '../../daemon/client.js'
import type { DaemonStatus } from '../../daemon/protocol.js'
import type { CommandHost } from '../../host/host.js'
import { grouped } from '../../output/table.js'
import { NOT_UP } from './ask.js'

/** `skep status`: is a kernel up, and what is in it? Exit status 3: none. */
export function statusCommand(host: CommandHost): Command {
  return new Command('status')
    .description('say whether a kernel is up and what is in it (exit status 3: none is)')
    .option('--json', 'as JSON')
    .action(async (options: { readonly json?: boolean }) => {
      const connected = await connectKernel()
      if ('refused' in connected) {
        host.out(
          options.json === true
            ? `${JSON.stringify({ up: false, why: connected.refused })}\n`
            : `${connected.refused}\n`,
        )
        host.exitStatus = NOT_UP
        return
      }
      let text = ''
      host.exitStatus = await converse(connected.socket, { ask: 'status' }, (piece) => {
        text += piece
      })
      const status = JSON.parse(text) as DaemonStatus
      host.out(options.json === true ? `${JSON.stringify({ up: true, ...status })}\n` : formatStatus(status))
    })
}

function formatStatus(status: DaemonStatus): string {
  return `kernel ${status.release}, ${status.cpus} CPUs, up since ${status.since} (process ${status.pid})
programs ${status.programs}, maps ${status.maps}, links ${status.links}, BTF objects ${status.btfs}, pins ${status.pins}
memory ${grouped(status.memory_bytes)} bytes, commands so far ${grouped(status.commands)}
folder ${status.folder}
`
}
