import { Command, CommanderError } from 'commander'
import { routeOf } from './daemon/route.js'
import type { CommandHost } from './host/host.js'
import { processHost } from './host/process-host.js'
import { EXIT, reportError } from './output/report-error.js'
import { TOOLS } from './tools/index.js'
import { VERSION } from './version.js'

type Make = (host: CommandHost) => Command

/** The commands, each loaded when it is wanted. */
// biome-ignore format: one row per line
const COMMANDS: Readonly<Record<string, () => Promise<Make>>> = {
  run: async () => (await import('./commands/run.js')).runCommand,
  object: async () => (await import('./commands/object.js')).objectCommand,
  disasm: async () => (await import('./commands/disasm.js')).disasmCommand,
  asm: async () => (await import('./commands/asm.js')).asmCommand,
  btf: async () => (await import('./commands/btf/btf.js')).btfCommand,
  gen: async () => (await import('./commands/gen/gen.js')).genCommand,
  feature: async () => (await import('./commands/feature/feature.js')).featureCommand,
  map: async () => (await import('./commands/map/map.js')).mapCommand,
  prog: async () => (await import('./commands/prog/prog.js')).progCommand,
  link: async () => (await import('./commands/link/link.js')).linkCommand,
  cgroup: async () => (await import('./commands/cgroup/cgroup.js')).cgroupCommand,
  iter: async () => (await import('./commands/iter/iter.js')).iterCommand,
  struct_ops: async () => (await import('./commands/struct-ops/struct-ops.js')).structOpsCommand,
  net: async () => (await import('./commands/net/net.js')).netCommand,
  vm: async () => (await import('./commands/vm.js')).vmCommand,
  verify: async () => (await import('./commands/verify.js')).verifyCommand,
  'explain-log': async () => (await import('./commands/explain-log.js')).explainLogCommand,
  trace: async () => (await import('./commands/trace.js')).traceCommand,
  perf: async () => (await import('./commands/perf.js')).perfCommand,
  parity: async () => (await import('./commands/parity.js')).parityCommand,
  up: async () => (await import('./commands/kernel/up.js')).upCommand,
  down: async () => (await import('./commands/kernel/down.js')).downCommand,
  status: async () => (await import('./commands/kernel/status.js')).statusCommand,
  snapshot: async () => (await import('./commands/kernel/snapshot.js')).snapshotCommand,
  sh: async () => (await import('./commands/kernel/sh.js')).shCommand,
}

/** The `skep` command. The result is the exit status: 0 done, 1 refused or failed, 2 wrong use or unreadable input; a tool has its own. */
export async function runCli(argv: readonly string[], host: CommandHost = processHost(argv)): Promise<number> {
  const route = routeOf(argv, host.env)
  try {
    if (route.tool !== undefined) {
      const tool = await TOOLS[route.tool]()
      return await tool(route.args, host)
    }
    const program = await makeProgram(route.args[0], host)
    await program.parseAsync([...route.args], { from: 'user' })
    return host.exitStatus
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
    return reportError(error, host)
  }
}

async function makeProgram(name: string | undefined, host: CommandHost): Promise<Command> {
  const output = { writeOut: (text: string) => host.out(text), writeErr: (text: string) => host.err(text) }
  const program = new Command('skep')
    .description('eBPF for TypeScript: test, see and explain your BPF anywhere')
    .version(VERSION)
    .enablePositionalOptions()
    .showHelpAfterError('(skep --help lists the commands)')
    .exitOverride()
    .configureOutput(output)
    .addHelpText(
      'after',
      `\nTools by their own grammar: ${Object.keys(TOOLS).join(', ')} (skep TOOL …, skep --as TOOL …)`,
    )
  const one = name === undefined ? undefined : COMMANDS[name]
  // Only what lists them needs them all.
  const loads = one !== undefined ? [one] : name === '--version' || name === '-V' ? [] : Object.values(COMMANDS)
  for (const load of loads) program.addCommand((await load())(host))
  for (const command of everyCommand(program)) command.exitOverride().configureOutput(output)
  if (!host.stays) {
    // A reader that closed (`| head`) is no error of ours.
    process.stdout.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(EXIT.ok)
      throw error
    })
  }
  return program
}

function* everyCommand(command: Command): Generator<Command> {
  for (const child of command.commands) {
    yield child
    yield* everyCommand(child)
  }
}
