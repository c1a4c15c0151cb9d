import type { Request } from '../../kernel/index.js'
import type { Session } from '../session.js'

/** readdir(3): of bpffs, and the names of namespaces. */
export function readDirectory(session: Session, r: Request<'readdir'>): string[] {
  const path = r.path.replace(/\/+$/, '').replace(/^\/var\/run\//, '/run/')
  const { cgroups } = session.world
  if (cgroups.covers(path)) return cgroups.readdir(path)
  if (path !== '/run/netns') return session.world.bpffs.readdir(r.path)
  return [...session.world.netnsNames.keys()].map((name) => name.slice('/run/netns/'.length)).sort()
}

/** mkdir(2): in bpffs, and of cgroups. */
export function makeDirectory(session: Session, r: Request<'mkdir'>): void {
  const { cgroups, bpffs } = session.world
  if (cgroups.covers(r.path)) cgroups.mkdir(r.path)
  else bpffs.mkdir(r.path, r.mode)
}

/** rmdir(2): a cgroup's programs go with it. */
export function removeDirectory(session: Session, r: Request<'rmdir'>): void {
  const { world } = session
  if (!world.cgroups.covers(r.path)) {
    world.bpffs.rmdir(r.path)
    return
  }
  const gone = world.cgroups.rmdir(r.path)
  for (const { program, link } of [...gone.ingress, ...gone.egress]) {
    if (link === undefined) world.put(program)
    else link.place = undefined
  }
}
