import { KernelError } from '../../kernel/index.js'

/** Object names: up to 15 letters, digits, '_' and '.' (Linux: bpf_obj_name_cpy). */
export function checkObjectName(name: string, syscall: string): void {
  if (name.length > 15 || !/^[A-Za-z0-9_.]*$/.test(name)) {
    throw new KernelError('EINVAL', syscall, {
      hint: `'${name}' is no object name: up to 15 letters, digits, '_' and '.'`,
    })
  }
}
