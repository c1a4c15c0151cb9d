import { KernelError } from '../../kernel/index.js'

interface Sysctl {
  readonly min: number
  readonly max: number
  readonly initial: number
  /** A value that cannot be left again until reboot. */
  readonly sticky?: number
}

/** The BPF sysctls (Documentation/admin-guide/sysctl): range and value at boot. */
const SYSCTLS: Readonly<Record<string, Sysctl>> = {
  'net.core.bpf_jit_enable': { min: 0, max: 2, initial: 1 },
  'net.core.bpf_jit_harden': { min: 0, max: 2, initial: 0 },
  'net.core.bpf_jit_kallsyms': { min: 0, max: 1, initial: 1 },
  'net.core.bpf_jit_limit': { min: 0, max: Number.MAX_SAFE_INTEGER, initial: 528482304 },
  'kernel.unprivileged_bpf_disabled': { min: 0, max: 2, initial: 2, sticky: 1 },
  'kernel.bpf_stats_enabled': { min: 0, max: 1, initial: 0 },
}

/** Values of the sysctls that act on BPF. */
export class Sysctls {
  readonly #values = new Map<string, number>(Object.entries(SYSCTLS).map(([name, row]) => [name, row.initial]))

  /** The number behind a sysctl that this kernel has. */
  get(name: string): number {
    return this.#values.get(name) ?? 0
  }

  /** All values, by name. */
  all(): Record<string, number> {
    return Object.fromEntries(this.#values)
  }

  /** Sets a value whatever the rules are: a state that was there before. */
  put(name: string, value: number): void {
    if (this.#values.has(name)) this.#values.set(name, value)
  }

  read(name: string): string {
    const value = this.#values.get(normalise(name))
    if (value === undefined) throw new KernelError('ENOENT', 'sysctl', { hint: `this kernel has no sysctl '${name}'` })
    return String(value)
  }

  write(name: string, text: string): void {
    const key = normalise(name)
    const row = SYSCTLS[key]
    if (row === undefined) throw new KernelError('ENOENT', 'sysctl', { hint: `this kernel has no sysctl '${name}'` })
    const value = /^\s*-?\d+\s*$/.test(text) ? Number(text) : Number.NaN
    if (!(value >= row.min && value <= row.max)) {
      throw new KernelError('EINVAL', 'sysctl', { hint: `${key} takes ${row.min} to ${row.max}` })
    }
    if (row.sticky !== undefined && this.#values.get(key) === row.sticky && value !== row.sticky) {
      throw new KernelError('EPERM', 'sysctl', { hint: `${key}=${row.sticky} stays until reboot` })
    }
    this.#values.set(key, value)
  }
}

function normalise(name: string): string {
  return name.replace(/^\/proc\/sys\//, '').replaceAll('/', '.')
}
