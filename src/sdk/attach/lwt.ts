import type { BpfProgram } from '../bpf-program.js'
import { type Device, type NetNamespace, routeOf } from '../net/net-namespace.js'
import { type Attachment, attachmentOf, requireType, takeOff } from './attachment.js'

export interface LwtOptions {
  readonly netns: NetNamespace
  /** '10.1.0.0/16': packets to these addresses run the programs. */
  readonly destination: string
  readonly device?: Device
  readonly gateway?: string
  readonly in?: BpfProgram
  readonly out?: BpfProgram
  readonly xmit?: BpfProgram
  /** Bytes the xmit program may add in front. */
  readonly headroom?: number
}

/** Adds a route whose packets run light-weight tunnel programs. Detaching removes the route. Throws KernelError. */
export function attachLwt(options: LwtOptions): Attachment {
  const { netns, headroom } = options
  const { kernel } = netns
  const bpf: { in?: Named; out?: Named; xmit?: Named; headroom?: number } = headroom === undefined ? {} : { headroom }
  for (const place of ['in', 'out', 'xmit'] as const) {
    const program = options[place]
    if (program === undefined) continue
    requireType(program, `the ${place} side of a route`, `lwt_${place}`)
    bpf[place] = { fd: program.fd, name: program.name }
  }
  const route = routeOf(options.destination, options)
  kernel.call('rtm_newroute', { netns: netns.fd, ...route, bpf })
  return attachmentOf('lwt', () => {
    takeOff(() => kernel.call('rtm_delroute', { netns: netns.fd, ...route }), 'ESRCH')
  })
}

interface Named {
  readonly fd: BpfProgram['fd']
  readonly name: string
}
