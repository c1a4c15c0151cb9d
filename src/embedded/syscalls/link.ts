import { KernelError } from '../../kernel/index.js'

/** For calls that need a place to attach to: programs run by test run here. */
export function noHooks(syscall: string): () => never {
  return () => {
    throw new KernelError('EOPNOTSUPP', syscall, {
      hint: 'the embedded kernel has no devices, cgroups or trace points to attach to: run the program by prog_test_run',
    })
  }
}
