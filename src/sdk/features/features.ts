import type { Kernel } from '../../kernel/index.js'
import {
  type AttachTypeName,
  type HelperName,
  KFUNCS,
  type MapTypeName,
  PROG_TYPE_NAMES,
  type ProgTypeName,
  type SysctlName,
} from '../../spec/index.js'
import { probeAttachTypes } from './attach-types.js'
import type { Availability } from './attempt.js'
import { type BtfFeature, probeBtfKinds } from './btf-kinds.js'
import { probeHelpers } from './helpers.js'
import { type InstructionFeature, probeAllInstructions } from './instructions.js'
import { probeMapTypes } from './map-types.js'
import { probeProgTypes } from './prog-types.js'
import { type ConfigOption, hasKfunc, probeSyscall, readConfig, readSysctls } from './system.js'

export interface Features {
  readonly kernel: string
  readonly release: string
  readonly syscall: boolean
  readonly sysctls: Readonly<Record<SysctlName, number | undefined>>
  readonly config: Readonly<Record<ConfigOption, string | undefined>> | undefined
  readonly progTypes: Readonly<Record<ProgTypeName, Availability>>
  readonly mapTypes: Readonly<Record<MapTypeName, Availability>>
  readonly attachTypes: Readonly<Record<AttachTypeName, Availability>>
  /** By program type; absent where `helpers: false` was asked for. */
  readonly helpers: Readonly<Partial<Record<ProgTypeName, readonly HelperName[]>>>
  readonly instructions: Readonly<Record<InstructionFeature, Availability>>
  /** Whether the kernel has BTF of its own, and the kinds it takes in BTF that is loaded. */
  readonly kernelBtf: boolean
  readonly btfKinds: Readonly<Record<BtfFeature, Availability>>
  /** Kernel functions this library knows that the kernel's BTF has. */
  readonly kfuncs: readonly string[]
}

export interface ProbeOptions {
  /** Default true: every helper of every program type, some 6,000 loads (a second or two on Linux). */
  readonly helpers?: boolean
}

/**
 * What a kernel can do, found by trying and judged by errno and BTF alone. Nothing is left behind. The work is synchronous and
 * costs a system call or two for each answer.
 */
export function probeFeatures(kernel: Kernel, options: ProbeOptions = {}): Features {
  const progTypes = probeProgTypes(kernel)
  const askable = PROG_TYPE_NAMES.filter((name) => options.helpers !== false && progTypes[name] === 'available')
  return {
    kernel: kernel.name,
    release: kernel.release,
    syscall: probeSyscall(kernel),
    sysctls: readSysctls(kernel),
    config: readConfig(kernel),
    progTypes,
    mapTypes: probeMapTypes(kernel),
    attachTypes: probeAttachTypes(kernel),
    helpers: Object.fromEntries(askable.map((name) => [name, probeHelpers(kernel, name)])),
    instructions: probeAllInstructions(kernel),
    kernelBtf: kernel.vmlinuxBtf() !== undefined,
    btfKinds: probeBtfKinds(kernel),
    kfuncs: KFUNCS.map(({ name }) => name).filter((name) => hasKfunc(kernel, name)),
  }
}
