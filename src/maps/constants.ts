// Numbers of linux/bpf.h that the map types test on hot paths: plain constants, which V8 folds.

export const BPF_NOEXIST = 1
export const BPF_EXIST = 2
export const BPF_F_LOCK = 4

export const BPF_F_NO_PREALLOC = 1 << 0
export const BPF_F_NO_COMMON_LRU = 1 << 1
export const BPF_F_NUMA_NODE = 1 << 2
export const BPF_F_RDONLY = 1 << 3
export const BPF_F_WRONLY = 1 << 4
export const BPF_F_STACK_BUILD_ID = 1 << 5
export const BPF_F_ZERO_SEED = 1 << 6
export const BPF_F_RDONLY_PROG = 1 << 7
export const BPF_F_WRONLY_PROG = 1 << 8
export const BPF_F_CLONE = 1 << 9
export const BPF_F_MMAPABLE = 1 << 10
export const BPF_F_PRESERVE_ELEMS = 1 << 11
export const BPF_F_INNER_MAP = 1 << 12
export const BPF_F_LINK = 1 << 13
export const BPF_F_VTYPE_BTF_OBJ_FD = 1 << 15
export const BPF_F_SEGV_ON_FAULT = 1 << 17
export const BPF_F_NO_USER_CONV = 1 << 18

/** Errors as kernel functions return them. */
export const EPERM = -1
export const ENOENT = -2
export const E2BIG = -7
export const EAGAIN = -11
export const ENOMEM = -12
export const EBUSY = -16
export const EEXIST = -17
export const ENODEV = -19
export const EINVAL = -22
export const ENOSPC = -28
export const ERANGE = -34
export const ENODATA = -61
export const EOVERFLOW = -75
export const EOPNOTSUPP = -95
export const ENOTSUPP = -524
