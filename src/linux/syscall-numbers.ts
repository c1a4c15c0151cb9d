// System call numbers: x86-64 has its own table, arm64 the generic one.
const arm = process.arch === 'arm64'

export const NR = {
  close: arm ? 57 : 3,
  read: arm ? 63 : 0,
  write: arm ? 64 : 1,
  mmap: arm ? 222 : 9,
  fcntl: arm ? 25 : 72,
  dup3: arm ? 24 : 292,
  openat: arm ? 56 : 257,
  ioctl: arm ? 29 : 16,
  socket: arm ? 198 : 41,
  bind: arm ? 200 : 49,
  sendto: arm ? 206 : 44,
  recvfrom: arm ? 207 : 45,
  setsockopt: arm ? 208 : 54,
  unshare: arm ? 97 : 272,
  setns: arm ? 268 : 308,
  perfEventOpen: arm ? 241 : 298,
  epollCreate1: arm ? 20 : 291,
  epollCtl: arm ? 21 : 233,
  ppoll: arm ? 73 : 271,
  epollPwait: arm ? 22 : 281,
  fsopen: 430,
  fsconfig: 431,
  fsmount: 432,
} as const
