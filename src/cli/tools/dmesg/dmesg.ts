import type { CommandHost } from '../../host/host.js'
import { embeddedKernel } from '../files/kernel-files.js'

/** `dmesg`: the embedded kernel's log, which holds what bpf_jit_enable=2 has it write. */
export function dmesg(args: readonly string[], host: CommandHost): number {
  using kernel = embeddedKernel(host)
  if (kernel === undefined) return host.elsewhere('dmesg', args)
  host.out(kernel.log.map((line) => `${line}\n`).join(''))
  return 0
}
