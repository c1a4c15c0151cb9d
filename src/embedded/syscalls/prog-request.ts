import { KernelError, type ProgLoadRequest } from '../../kernel/index.js'
import type { Device } from '../../netdev/index.js'
import { attachTypeByName, attachTypeName, type ProgTypeName, progTypeByName, progTypeName } from '../../spec/index.js'
import type { Session } from '../session.js'
import { checkObjectName } from './names.js'
import { refuse } from './refusal.js'

const MAX_INSNS = 1_000_000
/** BPF_F_STRICT_ALIGNMENT to BPF_F_TEST_REG_INVARIANTS, and BPF_F_TOKEN_FD. */
const KNOWN_FLAGS = 0x1_00ff
export const BPF_F_SLEEPABLE = 1 << 4
export const BPF_F_XDP_HAS_FRAGS = 1 << 5
const BPF_F_XDP_DEV_BOUND_ONLY = 1 << 6
const LICENSE_LENGTH = 127
/** Types whose target is a function of the kernel. */
const WITH_TARGET: ReadonlySet<string> = new Set(['tracing', 'lsm', 'struct_ops', 'ext'])
/** Types that a device may run itself. */
const ON_DEVICE: ReadonlySet<string> = new Set(['sched_cls', 'xdp'])

/** What a load request asks for, checked. */
export interface CheckedRequest {
  readonly typeName: ProgTypeName
  readonly flags: number
  readonly license: string
  readonly expectedAttachType: number
  readonly boundTo: { readonly device: Device; readonly offloaded: boolean } | undefined
}

function wrong(hint: string): never {
  throw new KernelError('EINVAL', 'prog_load', { hint })
}

/** The checks of BPF_PROG_LOAD before the instructions are looked at (bpf_prog_load), in Linux's order. */
export function checkRequest(session: Session, r: ProgLoadRequest): CheckedRequest {
  const flags = r.progFlags ?? 0
  if ((flags & ~KNOWN_FLAGS) !== 0) wrong(`unknown prog_flags 0x${flags.toString(16)}`)
  if (r.insns.length % 8 !== 0) wrong('instructions come in 8-byte slots')
  const count = r.insns.length >>> 3
  if (count === 0 || count > MAX_INSNS) {
    throw new KernelError('E2BIG', 'prog_load', { hint: `${count} instructions; 1 to ${MAX_INSNS} are possible` })
  }
  const typeName = progTypeName(r.progType)
  const takesTarget = typeName !== undefined && WITH_TARGET.has(typeName)
  if (r.attachProgFd) session.prog(r.attachProgFd, 'prog_load')
  if ((r.attachBtfId || r.attachProgFd) && !takesTarget) wrong('attach_btf_id and attach_prog_fd are not for this type')
  const expectedAttachType = checkAttachType(typeName, r.expectedAttachType ?? 0)
  if (typeName === undefined) wrong(`program type ${r.progType} is unknown`)
  if (r.progIfindex) {
    if (!ON_DEVICE.has(typeName)) wrong('prog_ifindex is for sched_cls and xdp programs')
  }
  const boundTo = boundDevice(session, r, flags, typeName)
  checkObjectName(r.progName ?? '', 'prog_load')
  // Longer licenses are cut.
  return { typeName, flags, license: r.license.slice(0, LICENSE_LENGTH), expectedAttachType, boundTo }
}

/** The device that is to run the program itself, or (BPF_F_XDP_DEV_BOUND_ONLY) that it is made for (bpf_prog_dev_bound_init). */
function boundDevice(
  session: Session,
  r: ProgLoadRequest,
  flags: number,
  typeName: ProgTypeName,
): CheckedRequest['boundTo'] {
  const only = (flags & BPF_F_XDP_DEV_BOUND_ONLY) !== 0
  if (!r.progIfindex) {
    if (only) wrong('BPF_F_XDP_DEV_BOUND_ONLY without prog_ifindex')
    return undefined
  }
  if (only && typeName !== 'xdp') wrong('only xdp programs are bound to a device without being offloaded')
  const device = session.netns.devices.get(r.progIfindex)
  if (device === undefined) return wrong(`there is no device with ifindex ${r.progIfindex}`)
  if (!only && !device.offloads) {
    wrong(`${device.name} does not run programs itself`)
  }
  return { device, offloaded: !only }
}

/** expected_attach_type as the type wants it (bpf_prog_load_check_attach); the value it then has. */
function checkAttachType(typeName: ProgTypeName | undefined, given: number): number {
  if (typeName === undefined) return given
  const { expectedAttach, expectedAttachDefault } = progTypeByName(typeName)
  if (expectedAttach === 'zero' && given !== 0) wrong(`${typeName} programs have no attach type`)
  if (expectedAttach !== 'checked' || typeName === 'tracing' || typeName === 'lsm') return given
  const value =
    given === 0 && expectedAttachDefault !== undefined ? (attachTypeByName(expectedAttachDefault)?.id ?? given) : given
  const name = attachTypeName(value)
  const row = name === undefined ? undefined : attachTypeByName(name)
  if (!(row?.progTypes as readonly string[] | undefined)?.includes(typeName)) {
    wrong(`expected_attach_type ${given}${name === undefined ? '' : ` (${name})`} is none of ${typeName} programs`)
  }
  return value
}

/** Whether the program may or must sleep (Linux asks at the end of the verifier's work). */
export function checkSleepable({ typeName, flags, expectedAttachType }: CheckedRequest): void {
  const { sleepable, sleepableOn } = progTypeByName(typeName)
  const wanted = (flags & BPF_F_SLEEPABLE) !== 0
  if (sleepable === 'always' && !wanted) refuse('EINVAL', 'Syscall programs can only be sleepable')
  if (!wanted || sleepable === 'always') return
  const attachType = attachTypeName(expectedAttachType)
  const allowed =
    sleepable === 'allowed' &&
    (sleepableOn === undefined || (attachType !== undefined && sleepableOn.includes(attachType)))
  if (!allowed) {
    refuse('EINVAL', 'Only fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops programs can be sleepable')
  }
}
