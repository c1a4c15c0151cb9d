import type { EmbeddedKernel } from '../../embedded/index.js'
import { KernelError } from '../../kernel/index.js'
import type { BpfProgram, Collection } from '../../sdk/index.js'
import type { CaptureClock } from './capture-clock.js'
import type { PacketEngine } from './packet-engine.js'
import { describeRedirect, REDIRECT_VERDICTS } from './redirects.js'

/** Packets straight into the embedded kernel's machine: no system call, no copy out, no allocation for each. */
export function embeddedEngine(
  kernel: EmbeddedKernel,
  program: BpfProgram,
  collection: Collection,
  clock: CaptureClock | undefined,
): PacketEngine {
  const runner = kernel.packetRunner(program.fd)
  const redirectVerdict = REDIRECT_VERDICTS.get(program.typeName)
  const describe = describeRedirect(collection)
  let last = 0
  return {
    run(bytes, offset, length, seconds, nanoseconds) {
      clock?.set(seconds, nanoseconds)
      last = runner.run(bytes, offset, length)
      if (last < 0) {
        throw new KernelError('EINVAL', 'prog_test_run', { hint: 'shorter than an Ethernet header (14 bytes)' })
      }
      return last
    },
    output: () => runner.outputView(),
    redirect: () => (last === redirectVerdict ? describe(runner.redirect) : undefined),
  }
}
