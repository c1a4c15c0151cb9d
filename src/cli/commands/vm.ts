import { readFileSync } from 'node:fs'
import { Command, Option } from 'commander'
import { fromHex, hex64, toHex, UsageError } from '../../base/index.js'
import { Interpreter, Jit, Machine, runRaw } from '../../vm/index.js'
import { toJson } from '../output/json.js'

interface Options {
  readonly insns: string
  readonly mem?: string
  readonly budget: string
  readonly engine: 'interpreter' | 'jit'
  readonly json?: boolean
}

const DEFAULT_BUDGET = 100_000_000

/** `skep vm run --insns HEX` */
export function vmCommand(): Command {
  return new Command('vm').description('run raw instructions in the machine').addCommand(
    new Command('run')
      .description('r1 = address of the memory, r2 = its length, r10 = frame pointer; prints r0')
      .requiredOption(
        '--insns <hex>',
        "instructions, 8 bytes each, little endian; '@FILE' reads raw bytes, '-' hex from standard input",
      )
      .option('--mem <hex>', 'initial memory', '')
      .option('--budget <n>', 'instructions it may execute', String(DEFAULT_BUDGET))
      .addOption(new Option('--engine <name>', 'which engine runs it').choices(['interpreter', 'jit']).default('jit'))
      .option('--json', 'as JSON: {"r0":"0x…"}')
      .action((options: Options) => run(options)),
  )
}

function run(options: Options): void {
  const insns = options.insns.startsWith('@')
    ? new Uint8Array(readFileSync(options.insns.slice(1)))
    : fromHex(options.insns === '-' ? readFileSync(0, 'utf8') : options.insns)
  const mem = fromHex(options.mem ?? '')
  const budget = Number(options.budget)
  if (!Number.isInteger(budget) || budget <= 0) throw new UsageError(`'${options.budget}' is no number of instructions`)
  const machine = new Machine()
  const engine = options.engine === 'interpreter' ? new Interpreter(machine) : new Jit(machine)
  const result = runRaw(machine, insns, mem, { budget, engine })
  if (options.json === true) process.stdout.write(toJson({ r0: hex64(result.r0), mem: toHex(result.mem) }) + '\n')
  else process.stdout.write(`r0 = ${hex64(result.r0)}\n${result.mem.length > 0 ? `mem = ${toHex(result.mem)}\n` : ''}`)
}
