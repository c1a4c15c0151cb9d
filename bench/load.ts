// Loading and attaching an object of fifty programs on the real kernel: ours against libbpf in C (both in one process, in turns, which
// is what a long-running tool pays) and against bpftool (a whole process each time). Medians in ms.
// `node build/bench/load.js [turns]`. Needs bpf(2), a kernel with BTF; the peers want a private mount namespace (tracefs, bpffs).
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { linux } from '#src/linux/index.js'
import { attach, load } from '#src/sdk/index.js'
import { add, buildPeers, merge, quantile, root, rounds } from './peers.js'

const OBJECT = 'bench/programs/fifty.o'
const turns = Number(process.argv[2] ?? 5)
const PER_TURN = 4
const COLD = 4

async function once(results: Map<string, number[]>): Promise<void> {
  const start = performance.now()
  using kernel = linux()
  using collection = await load(`${root}/${OBJECT}`, { kernel })
  const loaded = performance.now()
  const links = [...collection.programs.keys()].map((name) => attach(collection, name))
  const end = performance.now()
  add(results, 'load', loaded - start)
  add(results, 'attach', end - loaded)
  add(results, 'both', end - start)
  for (const link of links) link.detach()
}

/** Wall time of a command in a mount namespace of its own, where the tools find tracefs and bpffs. */
function isolated(command: string): { ms: number; stdout: string } {
  const setup = 'mount -t tracefs nodev /sys/kernel/tracing; mount -t bpf bpf /sys/fs/bpf; '
  // The shell's own time and that of the mounts do not count.
  const timed = `${setup} s=$(date +%s%N); ${command} || exit 1; e=$(date +%s%N); echo took $((e - s))`
  const { stdout, stderr, status } = spawnSync('unshare', ['--mount', 'sh', '-c', timed], {
    encoding: 'utf8',
    cwd: root,
  })
  if (status !== 0) throw new Error(`${command}: ${stderr}`)
  const took = Number(/took (\d+)\s*$/.exec(stdout)?.[1])
  return { ms: took / 1e6, stdout: stdout.replace(/took \d+\s*$/, '') }
}

const [mode, count] = process.argv.slice(2)
if (mode === 'rounds') {
  const results = new Map<string, number[]>()
  for (let round = 0; round < Number(count); round++) await once(results)
  for (const [name, times] of results) for (const time of times) console.log(`${name} ${time * 1e6}`)
  process.exit(0)
}
buildPeers()
const ours = new Map<string, number[]>()
const c = new Map<string, number[]>()
const whole = new Map<string, number[]>()
const self = `${process.execPath} ${fileURLToPath(import.meta.url)} rounds`
for (let turn = 0; turn < turns; turn++) {
  // The first rounds of each side find cold caches.
  merge(c, rounds(isolated(`build/peers/load-c ${OBJECT} ${PER_TURN + COLD}`).stdout, COLD))
  merge(ours, rounds(isolated(`${self} ${PER_TURN + COLD}`).stdout, COLD))
  add(whole, 'bpftool prog loadall (load only)', isolated(`bpftool prog loadall ${OBJECT} /sys/fs/bpf/fifty`).ms)
  add(whole, 'libbpf program (load and attach)', isolated(`build/peers/load-c ${OBJECT} 1`).ms)
  add(whole, 'node program (load and attach)', isolated(`${self} 1`).ms)
}
const ms = (values: readonly number[] | undefined): number => Math.round(quantile(values, 0.5) * 10) / 10
console.log('in a process that is running, ms')
console.table(
  Object.fromEntries(
    ['load', 'attach', 'both'].map((row) => {
      const [libbpf, skep] = [ms(c.get(row)?.map((ns) => ns / 1e6)), ms(ours.get(row)?.map((ns) => ns / 1e6))]
      return [row, { libbpf, skep, ratio: Math.round((skep / libbpf) * 100) / 100 }]
    }),
  ),
)
console.log('a whole process, with all that ends when it ends, ms')
console.table(Object.fromEntries([...whole].map(([name, times]) => [name, { ms: ms(times) }])))
