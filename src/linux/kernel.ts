import { readFileSync } from 'node:fs'
import { release } from 'node:os'
import { gunzipSync } from 'node:zlib'
import { type Fd, type Kernel, KernelError, type OperationName, type Request, type Result } from '../kernel/index.js'
import { objGetInfoByFd } from './commands/info.js'
import { linkCreate, linkUpdate } from './commands/link.js'
import {
  mapCreate,
  mapDeleteBatch,
  mapDeleteElem,
  mapFreeze,
  mapGetNextKey,
  mapLookupAndDeleteBatch,
  mapLookupAndDeleteElem,
  mapLookupBatch,
  mapLookupElem,
  mapUpdateBatch,
  mapUpdateElem,
} from './commands/map.js'
import {
  btfLoad,
  fdById,
  nextId,
  objGet,
  objPin,
  progAttach,
  progDetach,
  progQuery,
  progStreamRead,
  taskFdQuery,
} from './commands/object.js'
import { fsmount, ioctl, open, perfEventOpen, read, setsockopt, socket } from './commands/posix.js'
import { progLoad, progTestRun } from './commands/prog.js'
import { tracePipeOpen } from './commands/trace-pipe.js'
import { diagnose } from './diagnose.js'
import { loadSys } from './ffi/sys.js'
import { files } from './files.js'
import {
  rtmDeladdr,
  rtmDelneigh,
  rtmDelroute,
  rtmGetaddrs,
  rtmGetneighs,
  rtmGetroutes,
  rtmNewaddr,
  rtmNewneigh,
  rtmNewroute,
} from './netlink/address.js'
import { ethtoolFeatures } from './netlink/ethtool.js'
import { rtmDellink, rtmGetlink, rtmGetlinks, rtmNewlink, rtmSetlink } from './netlink/link.js'
import {
  rtmDelqdisc,
  rtmDeltfilter,
  rtmGetqdisc,
  rtmGettfilter,
  rtmNewqdisc,
  rtmNewtfilter,
} from './netlink/traffic-control.js'
import { inNetns, netnsBind, netnsCreate, netnsOpen, netnsUnbind, setns } from './netns.js'
import { LinuxSession } from './session.js'

/** The calls of hot loops: they use no arena and explain their errors themselves, so that an ENOENT is thrown once. */
const elementHandlers: Partial<Handlers> = {
  map_lookup_elem: mapLookupElem,
  map_update_elem: mapUpdateElem,
  map_delete_elem: mapDeleteElem,
  map_get_next_key: mapGetNextKey,
  map_lookup_and_delete_elem: mapLookupAndDeleteElem,
}

type Handlers = { readonly [Name in OperationName]: (session: LinuxSession, request: Request<Name>) => Result<Name> }

const handlers: Handlers = {
  map_create: mapCreate,
  map_lookup_elem: mapLookupElem,
  map_update_elem: mapUpdateElem,
  map_delete_elem: mapDeleteElem,
  map_get_next_key: mapGetNextKey,
  map_lookup_and_delete_elem: mapLookupAndDeleteElem,
  map_freeze: mapFreeze,
  map_lookup_batch: mapLookupBatch,
  map_lookup_and_delete_batch: mapLookupAndDeleteBatch,
  map_update_batch: mapUpdateBatch,
  map_delete_batch: mapDeleteBatch,
  prog_load: progLoad,
  prog_test_run: progTestRun,
  prog_attach: (s, r) => inNetns(s, r.netns, () => progAttach(s, r)),
  prog_detach: (s, r) => inNetns(s, r.netns, () => progDetach(s, r)),
  prog_query: (s, r) => inNetns(s, r.netns, () => progQuery(s, r)),
  prog_bind_map: (s, r) => void s.attr().u32(0, r.progFd).u32(4, r.mapFd).u32(8, r.flags).call(35, 'prog_bind_map'),
  prog_stream_read_by_fd: progStreamRead,
  prog_get_next_id: (s, r) => nextId(s, 11, 'prog_get_next_id', r.startId),
  map_get_next_id: (s, r) => nextId(s, 12, 'map_get_next_id', r.startId),
  btf_get_next_id: (s, r) => nextId(s, 23, 'btf_get_next_id', r.startId),
  link_get_next_id: (s, r) => nextId(s, 31, 'link_get_next_id', r.startId),
  prog_get_fd_by_id: (s, r) => fdById(s, 13, 'prog_get_fd_by_id', r.id),
  map_get_fd_by_id: (s, r) => fdById(s, 14, 'map_get_fd_by_id', r.id, r.openFlags),
  btf_get_fd_by_id: (s, r) => fdById(s, 19, 'btf_get_fd_by_id', r.id),
  link_get_fd_by_id: (s, r) => fdById(s, 30, 'link_get_fd_by_id', r.id),
  obj_pin: objPin,
  obj_get: objGet,
  obj_get_info_by_fd: objGetInfoByFd,
  raw_tracepoint_open: (s, r) =>
    s.own(s.attr().text(0, r.name).u32(8, r.progFd).u64(16, r.cookie).call(17, 'raw_tracepoint_open') as Fd),
  btf_load: btfLoad,
  task_fd_query: taskFdQuery,
  link_create: (s, r) => inNetns(s, r.netns, () => linkCreate(s, r)),
  link_update: linkUpdate,
  link_detach: (s, r) => void s.attr().u32(0, r.linkFd).call(34, 'link_detach'),
  enable_stats: (s, r) => s.own(s.attr().u32(0, r.type).call(32, 'enable_stats') as Fd),
  iter_create: (s, r) => s.own(s.attr().u32(0, r.linkFd).u32(4, r.flags).call(33, 'iter_create') as Fd),
  token_create: (s, r) => s.own(s.attr().u32(0, r.flags).u32(4, r.bpffsFd).call(36, 'token_create') as Fd),
  trace_pipe_open: tracePipeOpen,
  close: (s, r) => s.close(r.fd),
  dup: (s, r) => s.own(s.dup(r.fd)),
  open,
  read,
  ioctl,
  perf_event_open: perfEventOpen,
  fsmount,
  socket,
  setsockopt,
  netns_open: netnsOpen,
  netns_create: (s) => netnsCreate(s),
  netns_bind: netnsBind,
  netns_unbind: netnsUnbind,
  setns,
  ethtool_features: ethtoolFeatures,
  rtm_getlink: rtmGetlink,
  rtm_getlinks: rtmGetlinks,
  rtm_newlink: rtmNewlink,
  rtm_setlink: rtmSetlink,
  rtm_dellink: rtmDellink,
  rtm_newaddr: rtmNewaddr,
  rtm_deladdr: rtmDeladdr,
  rtm_newroute: rtmNewroute,
  rtm_delroute: rtmDelroute,
  rtm_newneigh: rtmNewneigh,
  rtm_delneigh: rtmDelneigh,
  rtm_getneighs: rtmGetneighs,
  rtm_getaddrs: rtmGetaddrs,
  rtm_getroutes: rtmGetroutes,
  rtm_getqdisc: rtmGetqdisc,
  rtm_newqdisc: rtmNewqdisc,
  rtm_delqdisc: rtmDelqdisc,
  rtm_gettfilter: rtmGettfilter,
  rtm_newtfilter: rtmNewtfilter,
  rtm_deltfilter: rtmDeltfilter,
  symlink: (_, r) => files.symlink(r),
  readlink: (_, r) => files.readlink(r),
  mkdir: (_, r) => files.mkdir(r),
  rmdir: (_, r) => files.rmdir(r),
  unlink: (_, r) => files.unlink(r),
  rename: (_, r) => files.rename(r),
  readdir: (_, r) => files.readdir(r),
  stat: (_, r) => files.stat(r),
  sysctl_read: (s, r) => inNetns(s, undefined, () => files.sysctlRead(r)),
  sysctl_write: (s, r) => inNetns(s, undefined, () => files.sysctlWrite(r)),
}

/**
 * The real kernel, through bpf(2). Needs Linux and the optional dependency koffi (UsageError otherwise). Every
 * descriptor belongs to this session and is closed when it is disposed; what is pinned or attached elsewhere stays.
 */
export function linux(): Kernel {
  const session = new LinuxSession(loadSys(), possibleCpus())
  return {
    name: 'linux',
    release: release(),
    possibleCpus: session.possibleCpus,
    call(name, request) {
      const element = elementHandlers[name]
      if (element !== undefined) return element(session, request)
      session.arena.reset()
      try {
        return handlers[name](session, request)
      } catch (error) {
        if (error instanceof KernelError) throw diagnose(name, request, error)
        throw error
      }
    },
    mapAccess: (fd) => session.mapIo(fd),
    watch: (fd, ready, options = {}) => session.watch(fd, ready, options),
    mmap: (fd, offset, length, writable) => session.mmap(fd, offset, length, writable),
    munmap: (bytes) => session.mappings.unmap(bytes),
    vmlinuxBtf,
    config: kernelConfig,
    [Symbol.dispose]() {
      session.closeAll()
    },
  }
}

let vmlinux: WeakRef<Uint8Array> | undefined

/** It stays the same as long as the kernel runs: all sessions share what somebody still uses. */
function vmlinuxBtf(): Uint8Array | undefined {
  let bytes = vmlinux?.deref()
  if (bytes !== undefined) return bytes
  try {
    bytes = readFileSync('/sys/kernel/btf/vmlinux')
  } catch {
    return undefined
  }
  vmlinux = new WeakRef(bytes)
  return bytes
}

function kernelConfig(): string | undefined {
  for (const path of ['/proc/config.gz', `/boot/config-${release()}`]) {
    try {
      const bytes = readFileSync(path)
      return (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')
    } catch {
      // The next place, or none: kernels need not publish it.
    }
  }
  return undefined
}

/** Highest possible CPU number plus one, from a list like `0-3,8`. */
function possibleCpus(): number {
  const list = readFileSync('/sys/devices/system/cpu/possible', 'utf8')
  return Math.max(...[...list.matchAll(/\d+/g)].map((match) => Number(match[0]))) + 1
}
