import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { asmCommand } from './commands/asm.js'
import { btfCommand } from './commands/btf.js'
import { disasmCommand } from './commands/disasm.js'
import { featureCommand } from './commands/feature/feature.js'
import { linkCommand } from './commands/link/link.js'
import { mapCommand } from './commands/map/map.js'
import { objectCommand } from './commands/object.js'
import { parityCommand } from './commands/parity.js'
import { progCommand } from './commands/prog/prog.js'
import { runCommand } from './commands/run.js'
import { vmCommand } from './commands/vm.js'
import { EXIT, reportError } from './output/report-error.js'

const pkg = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }

/** The `skep` command. The result is the exit status: 0 done, 1 refused or failed, 2 wrong use or unreadable input. */
export async function runCli(args: readonly string[]): Promise<number> {
  const program = new Command('skep')
    .description('eBPF for TypeScript: test, see and explain your BPF anywhere')
    .version(pkg.version)
    .showHelpAfterError('(skep --help lists the commands)')
    .exitOverride()
  for (const make of [
    runCommand,
    objectCommand,
    disasmCommand,
    asmCommand,
    btfCommand,
    featureCommand,
    mapCommand,
    progCommand,
    linkCommand,
    vmCommand,
    parityCommand,
  ]) {
    program.addCommand(make())
  }
  for (const command of everyCommand(program)) command.exitOverride()
  // A reader that closed (`| head`) is no error of ours.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.ok)
    throw error
  })
  try {
    await program.parseAsync([...args], { from: 'user' })
    return Number(process.exitCode ?? EXIT.ok)
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
    return reportError(error)
  }
}

function* everyCommand(command: Command): Generator<Command> {
  for (const child of command.commands) {
    yield child
    yield* everyCommand(child)
  }
}
