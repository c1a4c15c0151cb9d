import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command, Option } from 'commander'
import { UsageError } from '../../../base/index.js'
import { embedded } from '../../../embedded/index.js'
import { makeStateFolder, stateFolder } from '../../daemon/state-folder.js'
import type { CommandHost } from '../../host/host.js'
import { EXIT } from '../../output/report-error.js'

interface Options {
  readonly cpus: string
  readonly engine?: 'interpreter' | 'jit'
  readonly restore?: string
  readonly foreground?: boolean
}

/** Milliseconds that a kernel may take to come up (one that is restored loads all its programs again). */
const PATIENCE = 60_000

/** `skep up`: an embedded kernel in the background, for the commands that follow. */
export function upCommand(host: CommandHost): Command {
  return new Command('up')
    .description(
      'start an embedded kernel that stays until `skep down`: commands that need a kernel work on it from now on',
    )
    .option('--cpus <n>', 'number of CPUs', '2')
    .addOption(new Option('--engine <name>', 'what runs programs').choices(['interpreter', 'jit']))
    .option('--restore <file>', 'begin with what `skep snapshot` wrote')
    .option('--foreground', 'stay in this process, until Ctrl-C')
    .action(async (options: Options) => {
      const cpus = Number(options.cpus)
      if (!Number.isInteger(cpus) || cpus < 1 || cpus > 256)
        throw new UsageError(`--cpus takes 1 to 256, not '${options.cpus}'`)
      if (options.foreground === true) await serve(host, { ...options, cpus })
      else await startInBackground(host, options)
    })
}

async function serve(host: CommandHost, options: Omit<Options, 'cpus'> & { readonly cpus: number }): Promise<void> {
  const [{ serveKernel }, { runCli }, { readSnapshot }] = await Promise.all([
    import('../../daemon/serve.js'),
    import('../../program.js'),
    import('../../daemon/snapshot-file.js'),
  ])
  const { cpus, engine } = options
  const kernel = embedded({ cpus, ...(engine === undefined ? {} : { engine }) })
  if (options.restore !== undefined) readSnapshot(kernel, host.resolve(options.restore))
  // What goes wrong in something that a command left behind must not take the kernel and its maps along.
  process.on('uncaughtException', (error) => host.err(`skep: ${error.stack ?? error.message}\n`))
  process.on('unhandledRejection', (error) => host.err(`skep: ${String((error as Error)?.stack ?? error)}\n`))
  await serveKernel({
    folder: stateFolder(),
    kernel,
    run: runCli,
    ready() {
      if (process.send === undefined) host.out(`a kernel is up in ${stateFolder()}\n`)
      else process.send('ready', () => process.disconnect())
    },
  })
  // Nothing that a command left behind keeps it.
  process.exit(0)
}

async function startInBackground(host: CommandHost, options: Options): Promise<void> {
  const folder = stateFolder()
  try {
    makeStateFolder(folder)
  } catch (error) {
    throw new UsageError((error as Error).message, 'SKEP_DIR names another folder')
  }
  const logFile = join(folder, 'kernel.log')
  const log = openSync(logFile, 'w', 0o600)
  const main = fileURLToPath(new URL('../../main.js', import.meta.url))
  const args = ['up', '--foreground', '--cpus', options.cpus]
  if (options.engine !== undefined) args.push('--engine', options.engine)
  if (options.restore !== undefined) args.push('--restore', host.resolve(options.restore))
  const child = spawn(process.execPath, [main, ...args], {
    cwd: '/',
    detached: true,
    stdio: ['ignore', log, log, 'ipc'],
    env: { ...process.env, SKEP_DIR: folder },
  })
  closeSync(log)
  const up = await new Promise<boolean>((done) => {
    const timer = setTimeout(() => {
      child.kill()
      done(false)
    }, PATIENCE)
    const end = (well: boolean): void => {
      clearTimeout(timer)
      done(well)
    }
    child.once('message', () => end(true))
    child.once('exit', () => end(false))
    child.once('error', () => end(false))
  })
  child.unref()
  if (up) {
    host.out(`a kernel is up (process ${child.pid}); 'skep sh' opens a shell in it, 'skep down' ends it\n`)
    return
  }
  host.err(readFileSync(logFile, 'utf8') || 'skep: the kernel did not come up\n')
  host.exitStatus = EXIT.failed
}
