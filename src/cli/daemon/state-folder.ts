import { chmodSync, lstatSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Longest path of a unix socket (sun_path holds 108 bytes with the zero). */
const MAX_SOCKET_PATH = 107

/** The folder of this user's kernel: SKEP_DIR, else `skep` in XDG_RUNTIME_DIR, else one named for the user among temporary files. */
export function stateFolder(env: NodeJS.ProcessEnv = process.env): string {
  if (env.SKEP_DIR) return env.SKEP_DIR
  if (env.XDG_RUNTIME_DIR) return join(env.XDG_RUNTIME_DIR, 'skep')
  return join(tmpdir(), `skep-${process.getuid?.() ?? 0}`)
}

export function socketPath(folder: string): string {
  return join(folder, 'kernel.sock')
}

/** Why a folder must not be trusted: someone else could have put a socket there. Undefined: it is this user's own and closed to others. */
export function distrust(folder: string): string | undefined {
  let status: ReturnType<typeof lstatSync>
  try {
    status = lstatSync(folder)
  } catch {
    return `there is no ${folder}`
  }
  if (!status.isDirectory()) return `${folder} is no folder`
  if (status.uid !== process.getuid?.()) return `${folder} belongs to user ${status.uid}`
  if ((status.mode & 0o077) !== 0) return `${folder} is open to others (mode ${(status.mode & 0o777).toString(8)})`
  return undefined
}

/** Makes the folder, readable by its owner alone. Throws an Error that says what is wrong with one that is there. */
export function makeStateFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const status = lstatSync(folder)
  // A folder that this user made by hand with the usual rights is closed; anyone else's is refused.
  if (status.isDirectory() && status.uid === process.getuid?.() && (status.mode & 0o077) !== 0) chmodSync(folder, 0o700)
  const problem = distrust(folder)
  if (problem !== undefined) throw new Error(problem)
  const length = Buffer.byteLength(socketPath(folder))
  if (length > MAX_SOCKET_PATH) {
    throw new Error(
      `the socket's path would have ${length} bytes, ${MAX_SOCKET_PATH} are possible: set SKEP_DIR to a shorter one`,
    )
  }
}
