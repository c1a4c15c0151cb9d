import { ERRNO, type ErrnoName } from '../../base/index.js'

/** The errno of an error of Node's file functions; EIO for what has none. */
export function errorNumber(error: unknown): number {
  const code = (error as NodeJS.ErrnoException | undefined)?.code
  return code !== undefined && Object.hasOwn(ERRNO, code) ? ERRNO[code as ErrnoName] : ERRNO.EIO
}
