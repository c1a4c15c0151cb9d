import { attempt } from '../../noun/command-error.js'
import { oneNamed } from '../../noun/objects.js'
import type { VerbContext } from '../../noun/verb.js'

const METRICS = ['cycles', 'instructions', 'l1d_loads', 'llc_misses', 'itlb_misses', 'dtlb_misses'] as const
const BPF_STATS_RUN_TIME = 0

/**
 * `prog profile PROG [duration SECONDS] METRICS`: runs and run time of a program, until Ctrl-C or for so long. The kernel counts both
 * itself; metrics of hardware counters would need fentry and fexit programs and a counter behind each, and are said to be not counted.
 */
export async function profileProg(context: VerbContext): Promise<void> {
  const { kernel, words, host, json } = context
  const { fd } = oneNamed(context, 'prog')
  const seconds = words.take('duration') ? words.number('duration') : undefined
  const metrics: string[] = []
  while (!words.done) {
    const metric = METRICS.find((each) => words.is(each))
    if (metric === undefined) throw words.wrong(`unknown metric ${words.peek()}`)
    words.next(metric)
    metrics.push(metric)
  }
  const read = () => {
    const info = kernel.call('obj_get_info_by_fd', { fd })
    if (info.kind !== 'prog') throw new TypeError('a program has the information of one')
    return info
  }
  // Run times are counted as long as somebody holds this.
  attempt('failed to enable statistics', () => kernel.call('enable_stats', { type: BPF_STATS_RUN_TIME }))
  const before = read()
  await host.wait(pause(seconds, host.signal))
  const after = read()
  const runs = after.runCnt - before.runCnt
  const time = after.runTimeNs - before.runTimeNs
  if (json) {
    context.answer(
      [
        { metric: 'run_cnt', value: runs },
        { metric: 'run_time_ns', run_cnt: runs, value: time },
        ...metrics.map((metric) => ({ metric, run_cnt: runs, value: null })),
      ],
      '',
    )
    return
  }
  const perRun = runs === 0n ? '' : `  # ${(Number(time) / Number(runs)).toFixed(2).padStart(8)} ns per run`
  const lines = [
    '',
    `${String(runs).padStart(18)} run_cnt`,
    `${String(time).padStart(18)} run_time_ns${perRun}`,
    ...metrics.map((metric) => `${'<not counted>'.padStart(18)} ${metric}`),
  ]
  context.answer(null, lines.join('\n'))
}

function pause(seconds: number | undefined, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const timer = seconds === undefined ? setInterval(() => undefined, 1 << 30) : setTimeout(done, seconds * 1000)
    signal.addEventListener('abort', () => {
      clearInterval(timer)
      done()
    })
  })
}
