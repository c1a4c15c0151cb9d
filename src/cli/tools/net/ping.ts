import { errnoText, FormatError } from '../../../base/index.js'
import type { EmbeddedKernel } from '../../../embedded/index.js'
import { KernelError } from '../../../kernel/index.js'
import { formatAddress, parseAddress } from '../../../packet/index.js'
import type { CommandHost } from '../../host/host.js'
import { ToolError } from '../iproute2/tool-error.js'
import { openToolKernel } from '../iproute2/tool-kernel.js'

const DEFAULT_COUNT = 4
const MOST = 10_000
/** Milliseconds between two looks for an answer. */
const PAUSE = 50

/** `ping [-c COUNT] [-s SIZE] [-q] ADDRESS` in the virtual network, printed as iputils do. On Linux the machine's own does it. */
export async function ping(args: readonly string[], host: CommandHost): Promise<number> {
  if (host.env.SKEP_KERNEL === 'linux') return host.elsewhere('ping', args)
  const read = readWords(args)
  if (typeof read === 'string') {
    host.err(`ping: ${read}\n`)
    return 2
  }
  try {
    using kernel = openToolKernel(host, undefined) as EmbeddedKernel
    return await run(kernel, host, read)
  } catch (error) {
    if (error instanceof ToolError) {
      host.err(`${error.message}\n`)
      return error.status
    }
    if (!(error instanceof KernelError)) throw error
    host.err(`ping: connect: ${errnoText(error.errno)}\n`)
    return 2
  }
}

interface Wanted {
  readonly to: string
  readonly count: number
  readonly size: number
  readonly quiet: boolean
  readonly ttl: number | undefined
  /** Seconds to wait for an answer. */
  readonly patience: number
}

function readWords(args: readonly string[]): Wanted | string {
  let to: string | undefined
  let count = DEFAULT_COUNT
  let size = 56
  let quiet = false
  let ttl: number | undefined
  let patience = 1
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] as string
    const match = /^-(c|s|t|W|w|i|I|l|p|Q|m|M|S)(.*)$/.exec(arg)
    if (match !== null) {
      const value = match[2] === '' ? args[++at] : match[2]
      if (value === undefined) return `option requires an argument -- '${match[1]}'`
      if (match[1] === 'c') count = Number(value)
      else if (match[1] === 's') size = Number(value)
      else if (match[1] === 't') ttl = Number(value)
      else if (match[1] === 'W') patience = Number(value)
    } else if (/^-[46Afnqrv]+$/.test(arg)) quiet ||= arg.includes('q')
    else if (arg.startsWith('-')) return `invalid option -- '${arg.slice(1)}'`
    else to = arg
  }
  if (to === undefined) return 'usage error: Destination address required'
  try {
    to = formatAddress(parseAddress(to))
  } catch (error) {
    if (!(error instanceof FormatError) && (error as Error).name !== 'UsageError') throw error
    return `${to}: Name or service not known`
  }
  if (!Number.isInteger(count) || count < 1) return `invalid argument: '${count}'`
  if (!Number.isInteger(size) || size < 0 || size > 65507) return `invalid argument: '${size}'`
  return { to, count: Math.min(count, MOST), size, quiet, ttl, patience }
}

async function run(
  kernel: EmbeddedKernel,
  host: CommandHost,
  { to, count, size, quiet, ttl, patience }: Wanted,
): Promise<number> {
  const head = to.includes(':')
    ? `PING ${to}(${to}) ${size} data bytes`
    : `PING ${to} (${to}) ${size}(${size + 28}) bytes of data.`
  host.out(`${head}\n`)
  const times: number[] = []
  let errors = 0
  const begin = performance.now()
  for (let sequence = 1; sequence <= count; sequence++) {
    const start = performance.now()
    using request = kernel.network.startPing({
      to,
      data: new Uint8Array(size),
      ...(ttl === undefined ? {} : { ttl }),
    })
    // Mostly it is there at once. A neighbour that has to be asked again takes as long as on Linux.
    while (request.answer === undefined && performance.now() - start < patience * 1000 && !host.signal.aborted) {
      await host.wait(new Promise<void>((done) => setTimeout(done, PAUSE)))
      kernel.call('rtm_getneighs', {})
    }
    const { answer } = request
    const took = performance.now() - start
    if (answer === undefined) continue
    const from = formatAddress(answer.from)
    if (answer.reply) {
      times.push(took)
      if (!quiet) host.out(`${size + 8} bytes from ${from}: icmp_seq=${sequence} ttl=64 time=${took.toFixed(3)} ms\n`)
    } else {
      errors++
      if (!quiet) host.out(`From ${from} icmp_seq=${sequence} ${unreachable(answer.type, answer.code)}\n`)
    }
  }
  const loss = Math.round(((count - times.length) / count) * 100)
  const failed = errors === 0 ? '' : `+${errors} errors, `
  host.out(`\n--- ${to} ping statistics ---\n`)
  host.out(
    `${count} packets transmitted, ${times.length} received, ${failed}${loss}% packet loss, time ${Math.round(performance.now() - begin)}ms\n`,
  )
  if (times.length > 0) host.out(`${summary(times)}\n`)
  return times.length > 0 ? 0 : 1
}

function unreachable(type: number, code: number): string {
  if (type === 11) return 'Time to live exceeded'
  if (type !== 3) return `ICMP type ${type} code ${code}`
  return (
    ['Destination Net Unreachable', 'Destination Host Unreachable', 'Destination Protocol Unreachable'][code] ??
    'Packet filtered'
  )
}

function summary(times: readonly number[]): string {
  const average = times.reduce((sum, one) => sum + one, 0) / times.length
  const square = times.reduce((sum, one) => sum + one * one, 0) / times.length
  const parts = [Math.min(...times), average, Math.max(...times), Math.sqrt(Math.max(0, square - average * average))]
  return `rtt min/avg/max/mdev = ${parts.map((one) => one.toFixed(3)).join('/')} ms`
}
