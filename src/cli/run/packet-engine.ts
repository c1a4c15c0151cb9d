import { KernelError } from '../../kernel/index.js'
import type { BpfProgram } from '../../sdk/index.js'
import type { PacketColumns } from '../../vm/index.js'

/** Runs packets one by one through a loaded program. */
export interface PacketEngine {
  /**
   * Runs `bytes[offset .. offset + length)`, captured at `seconds` and `nanoseconds`; the program's result as u32.
   * Throws KernelError where the kernel refuses the packet itself (too short, too long).
   */
  run(bytes: Uint8Array, offset: number, length: number, seconds: number, nanoseconds: number): number
  /** The packet as the last run left it; valid until the next. */
  output(): Uint8Array
  /** Where the last run, whose result was `retval`, redirected it, in words: `ifindex 3`, `tx_ports[2] -> ifindex 7`. */
  redirect(retval: number): string | undefined
  /** Takes a burst in, for `runLoaded`. Absent or false: packets are run one by one. */
  load?(burst: PacketColumns): boolean
  /**
   * Runs packets [from, to) of the loaded ones; how far it came. Behind a packet whose result has its bit set in `stop`,
   * and where there may be a redirect, it stops; before one that must be run by itself, too.
   */
  runLoaded?(from: number, to: number, stop: number): number
  /** Results of the packets that were run, by their index in the burst. */
  results?(): Uint32Array
}

/** The engine every kernel has: one BPF_PROG_TEST_RUN for each packet. */
export function testRunEngine(program: BpfProgram): PacketEngine {
  let output = new Uint8Array(0)
  return {
    run(bytes, offset, length) {
      const result = program.testRun({ dataIn: bytes.subarray(offset, offset + length), repeat: 1 })
      output = result.dataOut as Uint8Array<ArrayBuffer>
      return result.retval
    },
    output: () => output,
    redirect: () => undefined,
  }
}

/** True for refusals of a packet, which a run over a capture counts and survives. */
export function isPacketRefusal(error: unknown): error is KernelError {
  return error instanceof KernelError && ['EINVAL', 'ENOSPC', 'EMSGSIZE', 'ENOMEM', 'E2BIG'].includes(error.code)
}
