import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { connectKernel, converse } from '../../daemon/client.js'
import { makeStateFolder, stateFolder } from '../../daemon/state-folder.js'
import type { CommandHost } from '../../host/host.js'
import { TOOL_NAMES } from '../../tools/names.js'

const MAIN = fileURLToPath(new URL('../../main.js', import.meta.url))

/**
 * Commands of every day that are ours only where they are about a file that is the kernel's: a shell pattern of words that may be.
 * All others are ours always.
 */
const SOMETIMES: Readonly<Record<string, string | undefined>> = {
  mount: '*bpf*',
  umount: '/*',
  tree: '/sys/fs/*|/proc/*',
  ls: '/sys/fs/*|/proc/*|/sys/kernel/*|/sys/class/net*',
  cat: '/sys/fs/*|/proc/*|/sys/kernel/*|/sys/class/net*',
  mkdir: '/sys/fs/*',
  rmdir: '/sys/fs/*',
  rm: '/sys/fs/*',
}

/** `skep sh [ARGS…]`: a shell whose `bpftool`, `ip`, `tc` … work on the kernel that is up. */
export function shCommand(host: CommandHost): Command {
  return new Command('sh')
    .description(
      'open a shell whose bpftool, ip, tc … work on the kernel that is up, or else on one of its own that ends with it',
    )
    .argument('[args...]', "what the shell is given: -c 'COMMANDS', or a script")
    .allowUnknownOption()
    .passThroughOptions()
    .action((args: string[]) => runShell(host, args))
}

async function runShell(host: CommandHost, args: readonly string[]): Promise<void> {
  const connected = await connectKernel()
  let folder = stateFolder()
  let own: string | undefined
  if ('socket' in connected) connected.socket.destroy()
  else {
    own = mkdtempSync(join(tmpdir(), 'skep-sh-'))
    folder = own
  }
  try {
    if (own !== undefined) await startOwn(own)
    makeStateFolder(folder)
    const bin = writeTools(folder)
    host.exitStatus = await spawnShell(args, {
      ...process.env,
      SKEP_DIR: folder,
      SKEP_KERNEL: 'embedded',
      SKEP_SHELL_BIN: bin,
      PATH: [bin, process.env.PATH ?? ''].join(delimiter),
    })
  } finally {
    if (own !== undefined) {
      const kernel = await connectKernel(own)
      if ('socket' in kernel) await converse(kernel.socket, { ask: 'down' })
      rmSync(own, { recursive: true, force: true })
    }
  }
}

function startOwn(folder: string): Promise<void> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [MAIN, 'up'], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, SKEP_DIR: folder },
    })
    child.once('exit', (code) => (code === 0 ? done() : fail(new Error('no kernel came up'))))
    child.once('error', fail)
  })
}

function spawnShell(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  return new Promise((done, fail) => {
    const child = spawn(process.env.SHELL ?? '/bin/sh', [...args], { stdio: 'inherit', env })
    // Ctrl-C is the shell's business.
    const ignore = (): void => undefined
    process.on('SIGINT', ignore)
    child.once('error', fail)
    child.once('exit', (code, signal) => {
      process.off('SIGINT', ignore)
      done(code ?? 128 + (signal === null ? 0 : constants.signals[signal]))
    })
  })
}

/** The tools as programs, in a folder of their own. */
function writeTools(folder: string): string {
  const bin = join(folder, 'bin')
  mkdirSync(bin, { recursive: true, mode: 0o700 })
  const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`
  const skep = `exec ${quoted(process.execPath)} ${quoted(MAIN)}`
  for (const name of TOOL_NAMES) {
    const pattern = SOMETIMES[name]
    const ours = `${skep} --as ${name} "$@"`
    const lines =
      pattern === undefined
        ? [ours]
        : [
            `for word in "$@"; do case "$word" in ${pattern}) ${ours};; esac; done`,
            ...(name === 'mount' ? [`[ $# = 0 ] && ${ours}`] : []),
            `[ -e ${quoted(join(folder, 'mounts'))} ] && ${ours}`,
            `PATH=$(printf %s "$PATH" | sed "s|^$SKEP_SHELL_BIN:||")`,
            `exec ${name} "$@"`,
          ]
    writeFileSync(join(bin, name), `#!/bin/sh\n${lines.join('\n')}\n`)
    chmodSync(join(bin, name), 0o700)
  }
  writeFileSync(join(bin, 'skep'), `#!/bin/sh\n${skep} "$@"\n`)
  chmodSync(join(bin, 'skep'), 0o700)
  return bin
}
