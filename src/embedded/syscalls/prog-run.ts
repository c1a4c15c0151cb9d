import { type Fd, KernelError, type Request, type TestRunRequest, type TestRunResult } from '../../kernel/index.js'
import type { CgroupStorage } from '../../maps/index.js'
import { BudgetError, ExecutionError, MemoryFault } from '../../vm/index.js'
import type { Session } from '../session.js'
import type { ProgObject } from '../state/objects.js'
import { testRun } from '../test-run/index.js'

const BPF_STATS_RUN_TIME = 0

export function progTestRun(session: Session, r: TestRunRequest): TestRunResult {
  const object = session.prog(r.progFd, 'prog_test_run')
  const { world } = session
  freshStorage(object)
  const result = runCaught(() => testRun(world.machine, object.program, r))
  if (world.statsEnabled) {
    const runs = BigInt(Math.max(1, r.repeat ?? 0))
    object.runCount += runs
    object.runTimeNs += runs * BigInt(result.duration)
  }
  return result
}

/** A test run is in no cgroup: the program's cgroup storages are new, and gone after it. */
export function freshStorage(object: ProgObject): boolean {
  let any = false
  for (const { map } of object.maps) {
    if (!('enter' in map)) continue
    ;(map as CgroupStorage).enter(undefined, 0)
    any = true
  }
  return any
}

export function progBindMap(session: Session, r: Request<'prog_bind_map'>): void {
  if ((r.flags ?? 0) !== 0) throw new KernelError('EINVAL', 'prog_bind_map')
  const prog = session.prog(r.progFd, 'prog_bind_map')
  const map = session.map(r.mapFd, 'prog_bind_map')
  if (!prog.maps.includes(map)) prog.maps.push(session.world.get(map))
}

export function enableStats(session: Session, r: Request<'enable_stats'>): Fd {
  if (r.type !== BPF_STATS_RUN_TIME) throw new KernelError('EINVAL', 'enable_stats')
  session.world.statsUsers++
  return session.descriptors.add({ object: { kind: 'stats' }, readable: true, writable: false })
}

/** What a program does wrong while it runs, as an error of the call. Linux's verifier rules these out. */
function runCaught<T>(run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (error instanceof BudgetError)
      throw new KernelError('ETIMEDOUT', 'prog_test_run', { detail: error.message, hint: error.hint })
    if (error instanceof MemoryFault)
      throw new KernelError('EFAULT', 'prog_test_run', { detail: error.message, hint: error.hint })
    if (error instanceof ExecutionError) throw new KernelError('EINVAL', 'prog_test_run', { detail: error.message })
    throw error
  }
}
