import type { EmbeddedKernel } from '../../embedded/index.js'
import { KernelError } from '../../kernel/index.js'
import type { BpfProgram, Collection } from '../../sdk/index.js'
import type { PacketClock } from '../../vm/index.js'
import type { PacketEngine } from './packet-engine.js'
import { describeRedirect, REDIRECT_VERDICTS } from './redirects.js'

/** Packets straight into the embedded kernel's machine: no system call, no copy out, no allocation for each. */
export function embeddedEngine(
  kernel: EmbeddedKernel,
  program: BpfProgram,
  collection: Collection,
  clock: PacketClock | undefined,
): PacketEngine {
  const runner = kernel.packetRunner(program.fd)
  const redirectVerdict = REDIRECT_VERDICTS.get(program.typeName)
  const describe = describeRedirect(collection)
  return {
    run(bytes, offset, length, seconds, nanoseconds) {
      clock?.set(seconds, nanoseconds)
      const retval = runner.run(bytes, offset, length)
      if (retval < 0) {
        throw new KernelError('EINVAL', 'prog_test_run', { hint: 'shorter than an Ethernet header (14 bytes)' })
      }
      return retval
    },
    output: () => runner.outputView(),
    redirect: (retval) => (retval === redirectVerdict ? describe(runner.redirect) : undefined),
    load(burst) {
      clock?.begin(burst.seconds[0] as number, burst.nanoseconds[0] as number)
      return runner.loadBurst(burst)
    },
    // A redirect without a helper that asked for it must be described, too.
    runLoaded: (from, to, stop) =>
      runner.runBurst(from, to, redirectVerdict === undefined ? stop : stop | (1 << redirectVerdict)),
    results: () => runner.burstResults(),
  }
}
