import { errnoText } from '../../../base/index.js'
import { KernelError } from '../../../kernel/index.js'

/** An ip or tc command cannot do what it was told. The message is iproute2's, without the newline at its end. */
export class ToolError extends Error {
  override readonly name = 'ToolError'
  readonly status: number

  constructor(message: string, status = 255) {
    super(message)
    this.status = status
  }
}

/** What iproute2 says of a request that the kernel refused: the extended acknowledgement where there is one. */
export function netlinkAnswer(error: KernelError): string {
  const { detail } = error
  if (detail === undefined || detail === '') return `RTNETLINK answers: ${errnoText(error.errno)}`
  return `Error: ${detail}${detail.endsWith('.') ? '' : '.'}`
}

/** Exit status of a request that the kernel refused. */
export const REFUSED = 2

/** Runs a request; a refusal becomes what iproute2 says. */
export function request<T>(run: () => T, after = ''): T {
  try {
    return run()
  } catch (error) {
    if (error instanceof KernelError) throw new ToolError(`${netlinkAnswer(error)}${after}`, REFUSED)
    throw error
  }
}

export function wrongValue(value: string, what: string): ToolError {
  return new ToolError(`Error: argument "${value}" is wrong: ${what}\n`)
}

export function noDevice(name: string): ToolError {
  return new ToolError(`Cannot find device "${name}"`, 1)
}
