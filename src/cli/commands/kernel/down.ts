import { Command } from 'commander'
import type { CommandHost } from '../../host/host.js'
import { askKernel } from './ask.js'

/** `skep down`: ends the kernel that `skep up` started, after the commands that came before. */
export function downCommand(host: CommandHost): Command {
  return new Command('down')
    .description('end the kernel that `skep up` started, and with it what it holds')
    .action(() => askKernel(host, { ask: 'down' }))
}
