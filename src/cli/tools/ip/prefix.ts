import { FormatError } from '../../../base/index.js'
import { parseAddress } from '../../../packet/index.js'
import { ToolError } from '../iproute2/tool-error.js'

export interface Prefix {
  /** 4 or 16 bytes. */
  readonly address: Uint8Array
  readonly prefix: number
}

/** `10.0.0.1/24`, `fd00::1`, `default` (of `family`). Throws ToolError with iproute2's words. */
export function readPrefix(text: string, family: 4 | 6 = 4): Prefix {
  if (text === 'default' || text === 'any' || text === 'all') {
    return { address: new Uint8Array(family === 4 ? 4 : 16), prefix: 0 }
  }
  const [host = '', length] = text.split('/')
  const address = tryAddress(host)
  const most = (address?.length ?? 0) * 8
  const prefix = length === undefined ? most : /^\d+$/.test(length) ? Number(length) : -1
  if (address === undefined || prefix < 0 || prefix > most || text.split('/').length > 2) {
    throw new ToolError(`Error: any valid prefix is expected rather than "${text}".`, 1)
  }
  return { address, prefix }
}

/** An address without a prefix. */
export function readAddress(text: string): Uint8Array {
  const address = tryAddress(text)
  if (address === undefined) throw new ToolError(`Error: any valid address is expected rather than "${text}".`, 1)
  return address
}

function tryAddress(text: string): Uint8Array | undefined {
  try {
    return parseAddress(text)
  } catch (error) {
    if (error instanceof FormatError || (error as Error).name === 'UsageError') return undefined
    throw error
  }
}
