import type { Fd, Kernel, OperationName, Request, Result } from '../kernel/index.js'
import { readNetSysctl, writeNetSysctl } from '../netdev/index.js'
import type { Clock, Machine } from '../vm/index.js'
import { fireBpfEvent } from './hooks/bpf-events.js'
import { NetworkControl } from './network-control.js'
import { Session } from './session.js'
import { restoreWorld } from './snapshot/restore.js'
import { saveWorld } from './snapshot/save.js'
import type { BpfFs } from './state/bpffs.js'
import { linkCreate, linkDetach, linkUpdate, progAttach, progDetach, progQuery } from './syscalls/attach.js'
import { openPath } from './syscalls/attach-cgroup.js'
import { btfLoad } from './syscalls/btf.js'
import { fdInfo } from './syscalls/fd-info.js'
import { makeDirectory, readDirectory, removeDirectory } from './syscalls/files.js'
import { noHooks } from './syscalls/link.js'
import { createMapObject } from './syscalls/map.js'
import { mapDeleteBatch, mapLookupAndDeleteBatch, mapLookupBatch, mapUpdateBatch } from './syscalls/map-batch.js'
import {
  mapDeleteElem,
  mapFreeze,
  mapGetNextKey,
  mapLookupAndDeleteElem,
  mapLookupElem,
  mapUpdateElem,
} from './syscalls/map-elem.js'
import { mapFdById, nextId, objGet, objGetInfoByFd, objPin } from './syscalls/object.js'
import { ioctl, perfEventOpen } from './syscalls/perf-event.js'
import { progLoad } from './syscalls/prog-load.js'
import { enableStats, freshStorage, progBindMap, progTestRun } from './syscalls/prog-run.js'
import { readNow, tracePipeOpen } from './syscalls/read.js'
import {
  ethtoolFeatures,
  netnsBind,
  netnsCreate,
  netnsOpen,
  netnsUnbind,
  rtmDeladdr,
  rtmDellink,
  rtmDelneigh,
  rtmDelqdisc,
  rtmDelroute,
  rtmDeltfilter,
  rtmGetaddrs,
  rtmGetlink,
  rtmGetlinks,
  rtmGetneighs,
  rtmGetqdisc,
  rtmGetroutes,
  rtmGettfilter,
  rtmNewaddr,
  rtmNewlink,
  rtmNewneigh,
  rtmNewqdisc,
  rtmNewroute,
  rtmNewtfilter,
  rtmSetlink,
  setns,
} from './syscalls/rtnetlink.js'
import { setsockopt, socket } from './syscalls/sockets.js'
import { PacketRunner, type PacketRunnerOptions } from './test-run/index.js'
import { World, type WorldOptions } from './world.js'

type Handlers = { readonly [Name in OperationName]: (session: Session, request: Request<Name>) => Result<Name> }

const handlers: Handlers = {
  map_create: createMapObject,
  map_lookup_elem: (s, r) => mapLookupElem(s.mapHost, r),
  map_update_elem: (s, r) => mapUpdateElem(s.mapHost, r),
  map_delete_elem: (s, r) => mapDeleteElem(s.mapHost, r),
  map_get_next_key: (s, r) => mapGetNextKey(s.mapHost, r),
  map_lookup_and_delete_elem: (s, r) => mapLookupAndDeleteElem(s.mapHost, r),
  map_freeze: (s, r) => mapFreeze(s.mapHost, r),
  map_lookup_batch: (s, r) => mapLookupBatch(s.mapHost, r),
  map_lookup_and_delete_batch: (s, r) => mapLookupAndDeleteBatch(s.mapHost, r),
  map_update_batch: (s, r) => mapUpdateBatch(s.mapHost, r),
  map_delete_batch: (s, r) => mapDeleteBatch(s.mapHost, r),
  prog_load: progLoad,
  prog_test_run: progTestRun,
  prog_bind_map: progBindMap,
  prog_attach: progAttach,
  prog_detach: progDetach,
  prog_query: progQuery,
  prog_stream_read_by_fd: noHooks('prog_stream_read_by_fd'),
  raw_tracepoint_open: noHooks('raw_tracepoint_open'),
  task_fd_query: noHooks('task_fd_query'),
  link_create: linkCreate,
  link_update: linkUpdate,
  link_detach: linkDetach,
  iter_create: noHooks('iter_create'),
  token_create: noHooks('token_create'),
  enable_stats: enableStats,
  prog_get_next_id: (s, r) => nextId(s.world.progs, r.startId, 'prog_get_next_id'),
  map_get_next_id: (s, r) => nextId(s.world.maps, r.startId, 'map_get_next_id'),
  btf_get_next_id: (s, r) => nextId(s.world.btfs, r.startId, 'btf_get_next_id'),
  link_get_next_id: (s, r) => nextId(s.world.links, r.startId, 'link_get_next_id'),
  prog_get_fd_by_id: (s, r) => s.openById(s.world.progs.get(r.id), 'prog_get_fd_by_id'),
  map_get_fd_by_id: mapFdById,
  btf_get_fd_by_id: (s, r) => s.openById(s.world.btfs.get(r.id), 'btf_get_fd_by_id'),
  link_get_fd_by_id: (s, r) => s.openById(s.world.links.get(r.id), 'link_get_fd_by_id'),
  obj_pin: objPin,
  obj_get: objGet,
  obj_get_info_by_fd: objGetInfoByFd,
  btf_load: btfLoad,
  trace_pipe_open: tracePipeOpen,
  close: (s, r) => s.close(r.fd),
  dup: (s, r) => s.dup(r.fd),
  open: openPath,
  read: readNow,
  ioctl,
  perf_event_open: perfEventOpen,
  fsmount: noHooks('fsmount'),
  socket,
  setsockopt,
  netns_open: netnsOpen,
  netns_create: netnsCreate,
  netns_bind: netnsBind,
  netns_unbind: netnsUnbind,
  setns,
  ethtool_features: ethtoolFeatures,
  rtm_getaddrs: rtmGetaddrs,
  rtm_getroutes: rtmGetroutes,
  rtm_delneigh: rtmDelneigh,
  rtm_getneighs: rtmGetneighs,
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
  rtm_getqdisc: rtmGetqdisc,
  rtm_newqdisc: rtmNewqdisc,
  rtm_delqdisc: rtmDelqdisc,
  rtm_gettfilter: rtmGettfilter,
  rtm_newtfilter: rtmNewtfilter,
  rtm_deltfilter: rtmDeltfilter,
  symlink: (s, r) => s.world.bpffs.symlink(r.target, r.path),
  readlink: (s, r) => s.world.bpffs.readlink(r.path),
  mkdir: makeDirectory,
  rmdir: removeDirectory,
  unlink: (s, r) => s.world.bpffs.unlink(r.path),
  rename: (s, r) => s.world.bpffs.rename(r.from, r.to),
  readdir: readDirectory,
  stat: (s, r) => s.world.bpffs.stat(r.path),
  sysctl_read: (s, r) => readNetSysctl(s.netns, r.name) ?? s.world.sysctls.read(r.name),
  sysctl_write: (s, r) => {
    if (!writeNetSysctl(s.netns, r.name, r.value)) s.world.sysctls.write(r.name, r.value)
  },
}

const RELEASE = '6.18.0-skep'

/** What the embedded kernel says of itself to .kconfig externs. */
const CONFIG = `CONFIG_64BIT=y
CONFIG_BPF=y
CONFIG_BPF_SYSCALL=y
CONFIG_BPF_JIT=y
CONFIG_HZ=250
CONFIG_HZ_250=y
CONFIG_NET=y
CONFIG_INET=y
CONFIG_IPV6=y
CONFIG_XDP_SOCKETS=y
`

export type EmbeddedOptions = WorldOptions

/** The embedded kernel: the contract, and what Linux cannot do. */
export interface EmbeddedKernel extends Kernel {
  readonly name: 'embedded'
  readonly machine: Machine
  /** Another process of the same kernel: its own descriptors over the same objects, pins and sysctls. */
  fork(): EmbeddedKernel
  /** Runs one packet program over many packets without a system call each. The runner keeps the program alive. */
  packetRunner(progFd: Fd, options?: PacketRunnerOptions): PacketRunner
  setClock(clock: Clock): void
  /**
   * The kernel's state as bytes: its memory, objects, pins, links, sysctls and network. What belongs to processes (descriptors, sockets, perf
   * buffers, running timers) is not part of it.
   */
  snapshot(): Uint8Array
  /**
   * Goes on from a snapshot: only in a kernel in which nothing has happened, with as many CPUs. Throws FormatError.
   */
  restore(snapshot: Uint8Array): void
  /** What /proc/self/fdinfo says of a map or program: memlock, frozen, owner_prog_type, owner_jited. Throws KernelError EBADF. */
  fdInfo(fd: Fd): ReadonlyMap<string, string>
  /** Mounts of the BPF file system: mount(8) and umount(8). */
  readonly bpffs: Pick<BpfFs, 'mounts' | 'mount' | 'unmount'>
  /** The virtual network, beyond what rtnetlink says of it: frames in and out, sockets, packets' journeys. */
  readonly network: NetworkControl
  /** The kernel's log, as dmesg shows it: the images of programs loaded while bpf_jit_enable was 2. */
  readonly log: readonly string[]
}

/** A fresh embedded kernel with nothing loaded. */
export function embedded(options: EmbeddedOptions = {}): EmbeddedKernel {
  return openSession(new World(options))
}

function openSession(world: World): EmbeddedKernel {
  const session = new Session(world)
  const network = new NetworkControl(session)
  return {
    name: 'embedded',
    release: RELEASE,
    possibleCpus: world.machine.cpus,
    machine: world.machine,
    call(name, request) {
      world.machine.runTimers()
      world.network.tick()
      const result = handlers[name](session, request)
      fireBpfEvent(session, name, request, result)
      return result
    },
    watch: (fd, ready, watchOptions = {}) => session.watches.add(fd, ready, watchOptions),
    mmap: (fd, offset, length, writable) => session.mappings.map(fd, offset, length, writable),
    munmap: (bytes) => session.mappings.release(bytes),
    vmlinuxBtf: () => world.vmlinuxBtf,
    config: () => CONFIG,
    fork: () => openSession(world),
    network,
    packetRunner(progFd, runnerOptions) {
      const object = session.prog(progFd, 'prog_test_run')
      const before = freshStorage(object) ? () => void freshStorage(object) : undefined
      return new PacketRunner(world.machine, object.program, { ...runnerOptions, before })
    },
    log: world.log,
    fdInfo: (fd) => fdInfo(session, fd),
    bpffs: world.bpffs,
    snapshot: () => saveWorld(world, RELEASE),
    restore: (snapshot) => restoreWorld(world, snapshot),
    setClock(clock) {
      world.machine.clock = clock
    },
    [Symbol.dispose]() {
      session.closeAll()
    },
  }
}
