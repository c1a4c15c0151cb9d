import { Command } from 'commander'
import type { CommandHost } from '../../host/host.js'
import { askKernel } from './ask.js'

/** `skep snapshot FILE`: the kernel's state into a file. */
export function snapshotCommand(host: CommandHost): Command {
  return new Command('snapshot')
    .description('write the state of the kernel that is up to a file: `skep up --restore FILE` goes on from there')
    .argument('<file>', 'where to')
    .action((file: string) => askKernel(host, { ask: 'snapshot', file: host.resolve(file) }))
}
