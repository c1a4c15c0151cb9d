import { setCode, setDst, setImm, setImm64, setOff, setSrc } from '../isa/index.js'
import { CALL } from './insn.js'
import type { LinkedProgram } from './link-program.js'
import { ObjectError } from './object-error.js'
import type { ExternSpec, ObjectSpec } from './types.js'

/** A kernel symbol: its address, or for a typed one the id of its variable in a BTF object of the kernel. */
export type ResolvedKsym =
  | { readonly address: bigint }
  /** `btfFd` is the descriptor of a module's BTF, 0 for vmlinux. */
  | { readonly btfId: number; readonly btfFd: number }

export interface ProgramResolver {
  /** The descriptor of a map; undefined for one that was not created (then its use is poisoned as libbpf does). */
  mapFd(map: string): number | undefined
  /** A kernel symbol; undefined for one the kernel does not have. */
  ksym?(extern: ExternSpec): ResolvedKsym | undefined
  /** A kfunc: its BTF id, and the index in fd_array of its module's BTF (0 for vmlinux); undefined for none. */
  kfunc?(extern: ExternSpec): { readonly btfId: number; readonly fdIndex: number } | undefined
}

// libbpf's numbers for calls that stand for something missing; the verifier refuses them if it reaches them.
const MISSING_MAP = 2001000000
const MISSING_KFUNC = 2002000000

/**
 * The instructions of a linked program with everything filled in, a copy.
 * @throws ObjectError for a kernel symbol or kfunc that is missing and not weak.
 */
export function patchProgram(spec: ObjectSpec, linked: LinkedProgram, resolver: ProgramResolver): Uint8Array {
  const insns = linked.insns.slice()
  const poison = (slot: number, imm: number) => {
    setCode(insns, slot, CALL)
    setDst(insns, slot, 0)
    setSrc(insns, slot, 0)
    setOff(insns, slot, 0)
    setImm(insns, slot, imm)
  }
  for (const fixup of linked.fixups) {
    const { slot } = fixup
    switch (fixup.kind) {
      case 'map_fd':
      case 'map_value': {
        const fd = resolver.mapFd(fixup.map)
        if (fd !== undefined) setImm(insns, slot, fd)
        else {
          const index = spec.maps.findIndex((map) => map.name === fixup.map)
          poison(slot, MISSING_MAP + index)
          poison(slot + 1, MISSING_MAP + index)
        }
        break
      }
      case 'ksym': {
        const extern = spec.externs[fixup.extern]!
        const found = resolver.ksym?.(extern)
        if (found === undefined) {
          if (!extern.weak) missing(spec, extern)
          setSrc(insns, slot, 0)
          setImm64(insns, slot, 0n)
        } else if ('address' in found) {
          setSrc(insns, slot, 0)
          setImm64(insns, slot, found.address)
        } else {
          setImm(insns, slot, found.btfId)
          setImm(insns, slot + 1, found.btfFd)
        }
        break
      }
      case 'kfunc': {
        const extern = spec.externs[fixup.extern]!
        const found = resolver.kfunc?.(extern)
        if (found !== undefined) {
          setImm(insns, slot, found.btfId)
          setOff(insns, slot, found.fdIndex)
        } else {
          if (!extern.weak) missing(spec, extern)
          poison(slot, MISSING_KFUNC + fixup.extern)
        }
        break
      }
    }
  }
  return insns
}

function missing(spec: ObjectSpec, extern: ExternSpec): never {
  const what =
    extern.kind === 'kfunc'
      ? `extern (func ksym) '${extern.name}': not found in kernel or module BTFs`
      : extern.typeId === 0
        ? `extern (ksym) '${extern.name}' (strong): not resolved`
        : `extern (var ksym) '${extern.name}': not found in kernel BTF`
  throw new ObjectError(what, {
    file: spec.file,
    section: '.ksyms',
    symbol: extern.name,
    hint: 'the kernel it is loaded into does not have it; declare it __weak if the program can do without',
  })
}

/** The kernel's name for an extern: libbpf allows a flavour behind three underscores. */
export function externKernelName(extern: ExternSpec): string {
  const at = extern.name.indexOf('___')
  return at > 0 ? extern.name.slice(0, at) : extern.name
}
