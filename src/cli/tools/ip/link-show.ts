import type { Kernel, NetDevice } from '../../../kernel/index.js'
import { toolJson } from '../iproute2/json.js'
import type { ToolContext } from '../iproute2/options.js'
import { ToolError } from '../iproute2/tool-error.js'
import { begins, type ToolWords } from '../iproute2/words.js'
import { briefText, linkJson, linkText } from './link-text.js'
import { LinkTable, lladdrText, stateName } from './link-words.js'

const UP = 1

/** Which devices are wanted: words behind `show`. `other` takes words of the caller's own. */
export function readSelection(
  table: LinkTable,
  words: ToolWords,
  other: (word: string) => boolean = () => false,
): readonly NetDevice[] {
  let chosen = table.devices
  const keep = (test: (device: NetDevice) => boolean): void => {
    chosen = chosen.filter(test)
  }
  for (let word = words.take(); word !== undefined; word = words.take()) {
    if (word === 'up') keep(({ flags }) => (flags & UP) !== 0)
    else if (word === 'master') {
      const name = words.value()
      const master = table.devices.find((device) => device.name === name)
      if (master === undefined) throw new ToolError(`Error: argument "${name}" is wrong: Device does not exist\n`)
      keep((device) => device.master === master.ifindex)
    } else if (word === 'nomaster') keep((device) => device.master === undefined)
    else if (word === 'type') {
      const kind = words.value()
      keep((device) => device.kind === kind)
    } else if (word === 'group') {
      const group = words.value()
      keep((device) => group === 'default' || Number(group) === device.group)
    } else if (!other(word)) {
      const name = begins(word, 'dev') && word.length === 3 ? words.value() : word
      const device = table.devices.find((one) => one.name === name)
      if (device === undefined) throw new ToolError(`Device "${name}" does not exist.`, 1)
      keep((one) => one === device)
    }
  }
  return chosen
}

/** `ip link show [DEV] [up] [master DEV] [type TYPE]`. */
export function showLinks(kernel: Kernel, words: ToolWords, { host, options }: ToolContext): void {
  const table = new LinkTable(kernel)
  const devices = readSelection(table, words)
  const shape = { options, mode: true }
  if (options.json) {
    const list = devices.map((device) =>
      options.brief
        ? {
            ...(device.link === undefined ? {} : { link: table.lower(device)?.name ?? `if${device.link}` }),
            ifname: device.name,
            operstate: stateName(device),
            address: lladdrText(device.address),
            flags: table.flags(device),
          }
        : linkJson(table, device, shape),
    )
    host.out(`${toolJson(list, options.pretty)}\n`)
    return
  }
  for (const device of devices) {
    host.out(
      options.brief
        ? `${briefText(table, device)}${lladdrText(device.address)} <${table.flags(device).join(',')}> \n`
        : `${linkText(table, device, shape)}\n`,
    )
  }
}
