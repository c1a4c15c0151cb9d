import { ToolError } from '../iproute2/tool-error.js'

export const TC_ROOT = 0xffff_ffff
export const TC_CLSACT = 0xffff_fff1
export const CLSACT_HANDLE = 0xffff_0000
export const TC_INGRESS = 0xffff_fff2
export const TC_EGRESS = 0xffff_fff3

/** `1:2`, `ffff:`, `root`, `none`: 16 bits each, in hex. */
export function readClassid(word: string, what: string): number {
  if (word === 'root') return TC_ROOT
  if (word === 'none') return 0
  const match = /^([0-9a-f]{0,4}):([0-9a-f]{0,4})$/i.exec(word) ?? (/^[0-9a-f]{1,8}$/i.test(word) ? undefined : null)
  if (match === null) throw new ToolError(`Error: argument "${word}" is wrong: ${what}\n`)
  if (match === undefined) return Number.parseInt(word, 16)
  const [, major = '', minor = ''] = match
  return ((Number.parseInt(major || '0', 16) << 16) | Number.parseInt(minor || '0', 16)) >>> 0
}

/** `1:2`, `ffff:`, `:5`, as tc prints a handle. */
export function classidText(handle: number): string {
  if (handle === TC_ROOT) return 'root'
  if (handle === 0) return 'none'
  const [major, minor] = [handle >>> 16, handle & 0xffff]
  if (major === 0) return `:${minor.toString(16)}`
  return `${major.toString(16)}:${minor === 0 ? '' : minor.toString(16)}`
}

const PROTOCOLS: readonly [string, number][] = [
  ['all', 3],
  ['ip', 0x0800],
  ['arp', 0x0806],
  ['ipv6', 0x86dd],
  ['802.1Q', 0x8100],
  ['802.1ad', 0x88a8],
  ['mpls_uc', 0x8847],
  ['mpls_mc', 0x8848],
  ['802_3', 1],
  ['802_2', 4],
  ['loop', 0x60],
  ['ppp_disc', 0x8863],
  ['ppp_ses', 0x8864],
]

export function readProtocol(word: string): number {
  const known = PROTOCOLS.find(([name]) => name.toLowerCase() === word.toLowerCase())
  if (known !== undefined) return known[1]
  const value = Number.parseInt(word, 16)
  if (!/^(0x)?[0-9a-f]{1,4}$/i.test(word) || Number.isNaN(value)) {
    throw new ToolError(`Error: argument "${word}" is wrong: invalid protocol\n`)
  }
  return value
}

export function protocolText(protocol: number): string {
  return PROTOCOLS.find(([, value]) => value === protocol)?.[0] ?? `[${protocol}]`
}
