import { UsageError } from '../../base/index.js'
import { type EmbeddedKernel, embedded, staticNetwork } from '../../embedded/index.js'
import type { Kernel } from '../../kernel/index.js'
import { linux } from '../../linux/index.js'
import type { BpfProgram, Collection } from '../../sdk/index.js'
import { PacketClock, SeededRandom } from '../../vm/index.js'
import { embeddedEngine } from './embedded-engine.js'
import { type PacketEngine, testRunEngine } from './packet-engine.js'
import type { PrintkLog } from './printk-log.js'
import { describeRedirect, REDIRECT_VERDICTS } from './redirects.js'

export interface KernelOptions {
  readonly kernel: 'embedded' | 'linux'
  readonly engine?: 'interpreter' | 'jit'
  readonly cpus: string
  readonly clock: 'capture' | 'host'
  readonly pcap?: string
  /** Seed of random numbers and of the maps' hashes; absent: the capture clock has one of its own. */
  readonly seed?: string
}

export interface KernelChoice {
  readonly kernel: Kernel
  /** 'jit' or 'interpreter', or 'kernel' where Linux runs the program its own way. */
  readonly engine: string
  packetEngine(program: BpfProgram, collection: Collection): PacketEngine
  /** Where the last test run, whose result was `retval`, redirected its packet, in words. */
  redirectOf?(program: BpfProgram, collection: Collection, retval: number): string | undefined
}

/** The kernel that the options of `skep run` name. */
export function openKernel(options: KernelOptions, printk: PrintkLog): KernelChoice {
  if (options.kernel === 'linux') {
    if (options.engine !== undefined)
      throw new UsageError('--engine is for the embedded kernel; Linux runs its own JIT')
    return { kernel: linux(), engine: 'kernel', packetEngine: testRunEngine }
  }
  const engine = options.engine ?? 'jit'
  const cpus = Number(options.cpus)
  if (!Number.isInteger(cpus) || cpus < 1 || cpus > 256)
    throw new UsageError(`--cpus takes 1 to 256, not '${options.cpus}'`)
  const clock = options.clock === 'capture' && options.pcap !== undefined ? new PacketClock() : undefined
  const seed = options.seed === undefined ? (clock === undefined ? undefined : 1) : Number(options.seed)
  if (seed !== undefined && !Number.isInteger(seed))
    throw new UsageError(`--seed takes a whole number, not '${options.seed}'`)
  // Redirects and device maps of the program may name any interface.
  const network = staticNetwork({ anyDevice: true })
  const kernel: EmbeddedKernel = embedded({
    cpus,
    engine,
    network,
    printk: printk.sink,
    ...(clock === undefined ? {} : { clock }),
    ...(seed === undefined ? {} : { random: new SeededRandom(seed) }),
  })
  return {
    kernel,
    engine,
    packetEngine: (program, collection) => embeddedEngine(kernel, program, collection, clock),
    redirectOf(program, collection, retval) {
      const { lastRedirect } = kernel.machine
      if (lastRedirect === undefined || retval !== REDIRECT_VERDICTS.get(program.typeName)) return undefined
      return describeRedirect(collection)(lastRedirect)
    },
  }
}
