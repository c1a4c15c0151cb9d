import { type Fd, KernelError } from '../../../kernel/index.js'
import { attachTypeByName } from '../../../spec/index.js'
import { CommandError, statusOf } from '../../noun/command-error.js'
import { oneNamed } from '../../noun/objects.js'
import type { VerbContext } from '../../noun/verb.js'

const EINVAL = 22

/** Attach types of `prog attach`, under the names that bpftool has for them and those it had. */
const TYPES = {
  sk_msg_verdict: 'sk_msg_verdict',
  sk_skb_verdict: 'sk_skb_verdict',
  sk_skb_stream_verdict: 'sk_skb_stream_verdict',
  sk_skb_stream_parser: 'sk_skb_stream_parser',
  flow_dissector: 'flow_dissector',
  msg_verdict: 'sk_msg_verdict',
  skb_verdict: 'sk_skb_verdict',
  stream_verdict: 'sk_skb_stream_verdict',
  stream_parser: 'sk_skb_stream_parser',
} as const
const NAMES = Object.keys(TYPES) as (keyof typeof TYPES)[]

interface Target {
  readonly progFd: Fd
  readonly attachType: number
  /** A map; 0 for the network namespace. */
  readonly targetFd: number
}

/** `prog attach PROG ATTACH_TYPE [MAP]` */
export function attachProg(context: VerbContext): void {
  const { progFd, attachType, targetFd } = readTarget(context)
  try {
    context.kernel.call('prog_attach', { attachBpfFd: progFd, attachType, targetFd })
  } catch (error) {
    throw refused('failed prog attach to map', error)
  }
  context.silent()
}

/** `prog detach PROG ATTACH_TYPE [MAP]` */
export function detachProg(context: VerbContext): void {
  const { progFd, attachType, targetFd } = readTarget(context)
  try {
    context.kernel.call('prog_detach', { attachBpfFd: progFd, attachType, targetFd })
  } catch (error) {
    throw refused('failed prog detach from map', error)
  }
  context.silent()
}

function refused(message: string, error: unknown): unknown {
  if (!(error instanceof KernelError)) return error
  return new CommandError(message, { status: statusOf(EINVAL), cause: error, hint: error.hint })
}

function readTarget(context: VerbContext): Target {
  const { words } = context
  words.need(3, statusOf(EINVAL))
  const progFd = oneNamed(context, 'prog').fd
  const name = NAMES.find((each) => words.is(each))
  if (name === undefined) throw words.wrong('invalid attach/detach type', statusOf(EINVAL))
  words.next('attach type')
  const attachType = attachTypeByName(TYPES[name])?.id ?? 0
  if (TYPES[name] === 'flow_dissector') return { progFd, attachType, targetFd: 0 }
  words.need(2, statusOf(EINVAL))
  return { progFd, attachType, targetFd: oneNamed(context, 'map').fd }
}
