import type { Command } from 'commander'
import type { BpfFilter, Kernel, NetDevice } from '../../../kernel/index.js'
import { KernelError } from '../../../kernel/index.js'
import type { CommandHost } from '../../host/host.js'
import { attempt, CommandError, statusOf } from '../../noun/command-error.js'
import { nounCommand } from '../../noun/noun-command.js'
import { oneNamed } from '../../noun/objects.js'
import type { Noun, VerbContext } from '../../noun/verb.js'

const EINVAL = 22
const UPDATE_IF_NOEXIST = 1

/** What is attached to, and the XDP_FLAGS_* of each. Short words mean the first that fits, as in bpftool. */
const ATTACH_TYPES = { xdp: 0, xdpgeneric: 2, xdpdrv: 4, xdpoffload: 8 } as const
const NAMES = Object.keys(ATTACH_TYPES) as (keyof typeof ATTACH_TYPES)[]

/** Where tc's filters hang: the qdiscs of a device are asked by their handles, then these. */
const TC_PLACES = [
  ['root', 0xffff_ffff],
  ['clsact/ingress', 0xffff_fff2],
  ['clsact/egress', 0xffff_fff3],
] as const

/** `net …`: bpftool's verbs. */
// biome-ignore format: one row per line
export const NET_NOUN: Noun = {
  name: 'net',
  summary: 'list and attach programs of network devices',
  verbs: [
    { names: ['show', 'list'], words: '[dev NAME]', summary: 'list what is attached to the devices', run: showNet },
    { names: ['attach'], words: '(xdp | xdpgeneric | xdpdrv | xdpoffload) PROG dev NAME [overwrite]', summary: 'attach an XDP program to a device', run: attachNet },
    { names: ['detach'], words: '(xdp | xdpgeneric | xdpdrv | xdpoffload) dev NAME', summary: 'take an XDP program off a device', run: detachNet },
  ],
}

function showNet(context: VerbContext): void {
  const { kernel, words } = context
  let only: NetDevice | undefined
  if (words.left === 2) {
    if (!words.take('dev')) throw words.wrong(`expected 'dev', got: '${words.peek()}'?`)
    only = device(context, words.next('device'))
  } else if (!words.done) throw words.usage('show takes a device, or nothing')
  const devices = only === undefined ? kernel.call('rtm_getlinks', {}) : [only]
  const xdp = devices.flatMap(xdpRows)
  const tc = devices.flatMap((each) => tcRows(kernel, each))
  const flow = flowDissector(kernel)
  const lines = [
    'xdp:',
    ...xdp.map(({ devname, ifindex, mode, id }) => `${devname}(${ifindex}) ${mode} id ${id}`),
    '',
    'tc:',
    ...tc.map(({ devname, ifindex, kind, name, id }) => `${devname}(${ifindex}) ${kind} ${name} id ${id}`),
    '',
    'flow_dissector:',
    ...flow.map((id) => `id ${id}`),
  ]
  context.answer([{ xdp, tc, flow_dissector: flow }], `${lines.join('\n')}\n\n`)
}

function xdpRows({ name, ifindex, xdp }: NetDevice) {
  const rows = [
    ['generic', xdp.skbProgId],
    ['driver', xdp.drvProgId],
    ['offload', xdp.hwProgId],
  ] as const
  return rows.filter(([, id]) => id !== 0).map(([mode, id]) => ({ devname: name, ifindex, mode, id }))
}

function tcRows(kernel: Kernel, { name, ifindex }: NetDevice) {
  const qdiscs = quietly(() => kernel.call('rtm_getqdisc', { ifindex })) ?? []
  const places = [...qdiscs.map(({ kind, handle }) => [kind, handle] as const), ...TC_PLACES]
  return places.flatMap(([kind, parent]) => {
    const filters: readonly BpfFilter[] = quietly(() => kernel.call('rtm_gettfilter', { ifindex, parent })) ?? []
    return filters
      .filter((filter) => filter.kind === 'bpf' && filter.progId !== 0)
      .map((filter) => ({ devname: name, ifindex, kind, name: filter.name, id: filter.progId }))
  })
}

function quietly<T>(run: () => T): T | undefined {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof KernelError)) throw error
    return undefined
  }
}

const BPF_FLOW_DISSECTOR = 17

function flowDissector(kernel: Kernel): readonly number[] {
  if (kernel.name !== 'linux') return []
  return (
    quietly(() => {
      const fd = kernel.call('netns_open', {})
      try {
        return kernel.call('prog_query', { targetFd: fd, attachType: BPF_FLOW_DISSECTOR }).progIds
      } finally {
        kernel.call('close', { fd })
      }
    }) ?? []
  )
}

function device({ kernel, words }: VerbContext, name: string): NetDevice {
  const found = quietly(() => kernel.call('rtm_getlink', { name }))
  if (found === undefined) throw words.wrong(`invalid devname ${name}`)
  return found
}

function attachType({ words }: VerbContext): keyof typeof ATTACH_TYPES {
  const type = NAMES.find((name) => words.is(name))
  if (type === undefined) throw words.wrong(`invalid net attach/detach type: ${words.peek()}`, statusOf(EINVAL))
  words.next('type')
  return type
}

function namedDevice(context: VerbContext): NetDevice {
  const { words } = context
  if (!words.take('dev')) throw words.wrong(`expected 'dev', got: '${words.peek()}'?`, statusOf(EINVAL))
  const name = words.next('device')
  const found = quietly(() => context.kernel.call('rtm_getlink', { name }))
  if (found === undefined) throw words.wrong(`invalid devname ${name}`, statusOf(EINVAL))
  return found
}

function attachNet(context: VerbContext): void {
  const { kernel, words } = context
  words.need(5, statusOf(EINVAL))
  const type = attachType(context)
  const { fd } = oneNamed(context, 'prog')
  const { ifindex } = namedDevice(context)
  let overwrite = false
  if (!words.done) {
    if (!words.take('overwrite')) throw words.wrong(`expected 'overwrite', got: '${words.peek()}'?`, statusOf(EINVAL))
    overwrite = true
  }
  const flags = ATTACH_TYPES[type] | (overwrite ? 0 : UPDATE_IF_NOEXIST)
  setXdp(`interface ${type} attach failed`, () => kernel.call('rtm_setlink', { ifindex, xdp: { fd, flags } }))
  context.silent()
}

function detachNet(context: VerbContext): void {
  const { kernel, words } = context
  words.need(3, statusOf(EINVAL))
  const type = attachType(context)
  const { ifindex } = namedDevice(context)
  setXdp(`interface ${type} detach failed`, () =>
    kernel.call('rtm_setlink', { ifindex, xdp: { fd: -1, flags: ATTACH_TYPES[type] } }),
  )
  context.silent()
}

/** Refusals carry what the kernel said, as libbpf prints it. */
function setXdp(what: string, run: () => void): void {
  try {
    attempt(what, run, 'errno')
  } catch (error) {
    if (!(error instanceof CommandError) || !(error.cause instanceof KernelError)) throw error
    const { detail } = error.cause
    throw new CommandError(error.message, {
      status: error.status,
      hint: error.hint,
      cause: error.cause,
      ...(detail === undefined ? {} : { before: `libbpf: Kernel error message: ${detail}\n` }),
    })
  }
}

/** `skep net …` */
export function netCommand(host: CommandHost): Command {
  return nounCommand(NET_NOUN, host)
}
