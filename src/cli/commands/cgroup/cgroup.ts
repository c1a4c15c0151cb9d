import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { errnoText } from '../../../base/index.js'
import { type Fd, type Kernel, KernelError } from '../../../kernel/index.js'
import { ATTACH_TYPES, attachTypeByName } from '../../../spec/index.js'
import type { CommandHost } from '../../host/host.js'
import { errorNumber } from '../../input/files.js'
import { CommandError } from '../../noun/command-error.js'
import { nounCommand } from '../../noun/noun-command.js'
import { oneNamed } from '../../noun/objects.js'
import type { Noun, VerbContext } from '../../noun/verb.js'

const QUERY_EFFECTIVE = 1
const ALLOW_OVERRIDE = 1
const ALLOW_MULTI = 2

/** Attach types of cgroups, and the short names that bpftool had for them before libbpf's. */
const SHORT: Readonly<Record<string, string>> = {
  ingress: 'cgroup_inet_ingress',
  egress: 'cgroup_inet_egress',
  sock_create: 'cgroup_inet_sock_create',
  sock_ops: 'cgroup_sock_ops',
  device: 'cgroup_device',
  bind4: 'cgroup_inet4_bind',
  bind6: 'cgroup_inet6_bind',
  connect4: 'cgroup_inet4_connect',
  connect6: 'cgroup_inet6_connect',
  post_bind4: 'cgroup_inet4_post_bind',
  post_bind6: 'cgroup_inet6_post_bind',
  getpeername4: 'cgroup_inet4_getpeername',
  getpeername6: 'cgroup_inet6_getpeername',
  getsockname4: 'cgroup_inet4_getsockname',
  getsockname6: 'cgroup_inet6_getsockname',
  sendmsg4: 'cgroup_udp4_sendmsg',
  sendmsg6: 'cgroup_udp6_sendmsg',
  recvmsg4: 'cgroup_udp4_recvmsg',
  recvmsg6: 'cgroup_udp6_recvmsg',
  sysctl: 'cgroup_sysctl',
  getsockopt: 'cgroup_getsockopt',
  setsockopt: 'cgroup_setsockopt',
  sock_release: 'cgroup_inet_sock_release',
}
const TYPES = ATTACH_TYPES.filter(({ name }) => name.startsWith('cgroup_'))

/** `cgroup …`: bpftool's verbs. */
// biome-ignore format: one row per line
export const CGROUP_NOUN: Noun = {
  name: 'cgroup',
  summary: 'list and attach programs of cgroups',
  verbs: [
    { names: ['show', 'list'], words: 'CGROUP [effective]', summary: 'list what is attached to a cgroup', run: showCgroup },
    { names: ['tree'], words: '[CGROUP] [effective]', summary: 'list what is attached to a cgroup and those below', run: showTree },
    { names: ['attach'], words: 'CGROUP ATTACH_TYPE PROG [multi | override]', summary: 'attach a program', run: attachCgroup },
    { names: ['detach'], words: 'CGROUP ATTACH_TYPE PROG', summary: 'detach a program', run: detachCgroup },
  ],
}

interface Attached {
  readonly id: number
  readonly attach_type: string
  readonly attach_flags?: string
  readonly name: string
  readonly attach_btf_name: string
  readonly attach_btf_obj_id: number
  readonly attach_btf_id: number
}

function readEffective({ words }: VerbContext): boolean {
  if (words.done) return false
  if (!words.take('effective')) throw words.wrong(`expected no more arguments, 'effective', got: '${words.peek()}'?`)
  return true
}

function openCgroup({ kernel, host }: VerbContext, path: string): Fd {
  try {
    return kernel.call('open', { path: host.resolve(path) })
  } catch (error) {
    if (!(error instanceof KernelError)) throw error
    throw new CommandError(`can't open cgroup ${path}`, { cause: error, hint: error.hint })
  }
}

function showCgroup(context: VerbContext): void {
  const { words, kernel } = context
  words.need(1)
  const path = words.next('cgroup')
  const effective = readEffective(context)
  const fd = openCgroup(context, path)
  const attached = attachedTo(kernel, fd, effective)
  // bpftool prints no list where there is nothing to show.
  if (attached.length === 0) {
    if (context.json) context.host.out('\n')
    return
  }
  context.answer(attached, [heads(effective), ...attached.map((each) => row(each, effective, 0))].join('\n'))
}

function heads(effective: boolean): string {
  const [id, type, flags, name] = ['ID'.padEnd(8), 'AttachType'.padEnd(15), 'AttachFlags'.padEnd(15), 'Name'.padEnd(15)]
  return effective ? `${id} ${type} ${name}` : `${id} ${type} ${flags} ${name}`
}

function row(
  { id, attach_type, attach_flags, name, attach_btf_name }: Attached,
  effective: boolean,
  level: number,
): string {
  const indent = ' '.repeat(level)
  const flags = effective ? '' : ` ${(attach_flags ?? '').padEnd(15)}`
  return `${indent}${String(id).padEnd(8)} ${attach_type.padEnd(15)}${flags} ${name.padEnd(15)} ${attach_btf_name.padEnd(15)}`
}

function attachedTo(kernel: Kernel, fd: Fd, effective: boolean): Attached[] {
  const found: Attached[] = []
  for (const { id: attachType, name: attach_type } of TYPES) {
    let ids: readonly number[]
    let flags = 0
    try {
      const result = kernel.call('prog_query', {
        targetFd: fd,
        attachType,
        ...(effective ? { queryFlags: QUERY_EFFECTIVE } : {}),
      })
      ids = result.progIds
      flags = result.attachFlags
    } catch (error) {
      if (!(error instanceof KernelError)) throw error
      continue
    }
    const attach_flags =
      flags === ALLOW_MULTI
        ? 'multi'
        : flags === ALLOW_OVERRIDE
          ? 'override'
          : flags === 0
            ? ''
            : `unknown(${flags.toString(16)})`
    for (const id of ids) {
      const progFd = kernel.call('prog_get_fd_by_id', { id })
      const info = kernel.call('obj_get_info_by_fd', { fd: progFd })
      kernel.call('close', { fd: progFd })
      if (info.kind !== 'prog') continue
      found.push({
        id,
        attach_type,
        ...(effective ? {} : { attach_flags }),
        name: info.name,
        attach_btf_name: '',
        attach_btf_obj_id: info.attachBtfObjId,
        attach_btf_id: info.attachBtfId,
      })
    }
  }
  return found
}

function showTree(context: VerbContext): void {
  const { words, kernel, host } = context
  const root = words.done || words.is('effective') ? cgroupMount() : words.next('cgroup')
  const effective = readEffective(context)
  const rows: string[] = ['CgroupPath', heads(effective)]
  const json: object[] = []
  const visit = (path: string, level: number): void => {
    const attached = attachedTo(kernel, openCgroup(context, path), effective)
    if (attached.length > 0) {
      json.push({ cgroup: path, programs: attached })
      rows.push(path, ...attached.map((each) => row(each, effective, level * 4)))
    }
    for (const entry of readdirSync(host.resolve(path), { withFileTypes: true }))
      if (entry.isDirectory()) visit(join(path, entry.name), level + 1)
  }
  try {
    statSync(host.resolve(root))
  } catch (error) {
    if (!context.json) host.out(`${rows.join('\n')}\n`)
    throw new CommandError(`can't iterate over ${root}: ${errnoText(errorNumber(error))}`, { cause: error })
  }
  visit(root, 0)
  context.answer(json, rows.join('\n'))
}

function cgroupMount(): string {
  const [, path] = /^\S+ (\S+) cgroup2 /m.exec(readFileSync('/proc/self/mounts', 'utf8')) ?? []
  if (path === undefined) throw new CommandError("cgroup v2 isn't mounted")
  return path
}

function readAttachType({ words }: VerbContext): number {
  const word = words.next('attach type')
  const name =
    TYPES.find((each) => each.name === word)?.name ??
    SHORT[Object.keys(SHORT).find((each) => each.startsWith(word)) ?? '']
  const id = name === undefined ? undefined : attachTypeByName(name)?.id
  if (id === undefined) throw words.wrong('invalid attach type')
  return id
}

function attachCgroup(context: VerbContext): void {
  const { words, kernel } = context
  if (words.left < 4) throw words.wrong('too few parameters for cgroup attach')
  const targetFd = openCgroup(context, words.next('cgroup'))
  const attachType = readAttachType(context)
  const { fd } = oneNamed(context, 'prog')
  let attachFlags = 0
  while (!words.done) {
    if (words.take('multi')) attachFlags |= ALLOW_MULTI
    else if (words.take('override')) attachFlags |= ALLOW_OVERRIDE
    else throw words.wrong(`unknown option: ${words.peek()}`)
  }
  change('failed to attach program', () =>
    kernel.call('prog_attach', { targetFd, attachBpfFd: fd, attachType, attachFlags }),
  )
  context.silent()
}

function detachCgroup(context: VerbContext): void {
  const { words, kernel } = context
  if (words.left < 4) throw words.wrong('too few parameters for cgroup detach')
  const targetFd = openCgroup(context, words.next('cgroup'))
  const attachType = readAttachType(context)
  const { fd } = oneNamed(context, 'prog')
  change('failed to detach program', () => kernel.call('prog_detach', { targetFd, attachBpfFd: fd, attachType }))
  context.silent()
}

function change(message: string, run: () => void): void {
  try {
    run()
  } catch (error) {
    if (!(error instanceof KernelError)) throw error
    throw new CommandError(message, { cause: error, hint: error.hint })
  }
}

/** `skep cgroup …` */
export function cgroupCommand(host: CommandHost): Command {
  return nounCommand(CGROUP_NOUN, host)
}
