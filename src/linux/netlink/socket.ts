import { ERRNO } from '../../base/index.js'
import { type Fd, KernelError } from '../../kernel/index.js'
import { closeRaw } from '../ffi/raw-file.js'
import { inNetns } from '../netns.js'
import type { LinuxSession } from '../session.js'
import { NR } from '../syscall-numbers.js'
import { Attributes, type NetlinkMessage, type Received, splitMessages, viewOf } from './message.js'

const AF_NETLINK = 16
const SOCK_RAW_CLOEXEC = 3 | 0o2000000
const SOL_NETLINK = 270
const NETLINK_CAP_ACK = 10
const NETLINK_EXT_ACK = 11
const NETLINK_GET_STRICT_CHK = 12
const NLMSG_ERROR = 2
const NLMSG_DONE = 3
const NLM_F_DUMP_INTR = 0x10
const NLM_F_CAPPED = 0x100
const NLM_F_ACK_TLVS = 0x200
const RECEIVE = 1 << 17

let sequence = 0

/**
 * Sends one rtnetlink request in a namespace and gives the answers up to its acknowledgement or end of dump.
 * Throws KernelError; the kernel's extended acknowledgement becomes its detail.
 */
export function rtnetlink(
  session: LinuxSession,
  netns: Fd | undefined,
  name: string,
  message: NetlinkMessage,
  hints: (code: string, text: string) => string | undefined = () => undefined,
): Received[] {
  for (let attempt = 0; ; attempt++) {
    session.arena.reset()
    const { answers, interrupted } = exchange(session, netns, name, message, hints)
    // A dump that changed while it was read says so: take it again.
    if (!interrupted || attempt >= 3) return answers
  }
}

function exchange(
  session: LinuxSession,
  netns: Fd | undefined,
  name: string,
  message: NetlinkMessage,
  hints: (code: string, text: string) => string | undefined,
): { answers: Received[]; interrupted: boolean } {
  const { sys, arena } = session
  const fd = inNetns(session, netns, () => sys.syscall(NR.socket, AF_NETLINK, SOCK_RAW_CLOEXEC, 0))
  if (fd < 0) throw new KernelError(sys.errno(), 'socket')
  try {
    const one = arena.put(Uint8Array.of(1, 0, 0, 0))
    for (const option of [NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK]) {
      sys.syscall6(NR.setsockopt, fd, SOL_NETLINK, option, one, 4, 0)
    }
    sequence = (sequence + 1) >>> 0
    const bytes = message.finish(sequence)
    const kernelAddress = arena.put(Uint8Array.of(AF_NETLINK, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
    if (sys.syscall6(NR.sendto, fd, arena.put(bytes), bytes.length, 0, kernelAddress, 12) < 0) {
      throw new KernelError(sys.errno(), name)
    }
    const buffer = arena.alloc(RECEIVE)
    const answers: Received[] = []
    let interrupted = false
    for (;;) {
      const length = sys.syscall6(NR.recvfrom, fd, buffer.address, RECEIVE, 0, 0, 0)
      if (length < 0) {
        const errno = sys.errno()
        if (errno === ERRNO.EINTR) continue
        throw new KernelError(errno, name)
      }
      for (const received of splitMessages(buffer.bytes.slice(0, length))) {
        if (received.sequence !== sequence) continue
        if ((received.flags & NLM_F_DUMP_INTR) !== 0) interrupted = true
        if (received.type === NLMSG_DONE || received.type === NLMSG_ERROR) {
          throwIfError(received, name, hints)
          return { answers, interrupted }
        }
        answers.push(received)
      }
    }
  } finally {
    closeRaw(sys, fd)
  }
}

function throwIfError(
  received: Received,
  name: string,
  hints: (code: string, text: string) => string | undefined,
): void {
  const { body, flags, type } = received
  if (body.length < 4) return
  const errno = viewOf(body).getInt32(0, true)
  if (errno >= 0) return
  const text = acknowledgement(body, flags, type)
  const error = new KernelError(errno, name, text === undefined ? {} : { detail: text })
  const hint = hints(error.code, text ?? '')
  if (hint === undefined) throw error
  throw new KernelError(errno, name, text === undefined ? { hint } : { detail: text, hint })
}

/** The extended acknowledgement's text: after the errno and the (maybe cut) request it answers. */
function acknowledgement(body: Uint8Array, flags: number, type: number): string | undefined {
  if ((flags & NLM_F_ACK_TLVS) === 0) return undefined
  let start = 4
  if (type === NLMSG_ERROR) {
    if (body.length < 20) return undefined
    start += (flags & NLM_F_CAPPED) !== 0 ? 16 : (viewOf(body).getUint32(4, true) + 3) & ~3
  }
  return new Attributes(body, start).text(1)
}
