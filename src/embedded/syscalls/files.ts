import type { Request } from '../../kernel/index.js'
import type { Session } from '../session.js'

/** readdir(3): of bpffs, and the names of namespaces. */
export function readDirectory(session: Session, r: Request<'readdir'>): string[] {
  const path = r.path.replace(/\/+$/, '').replace(/^\/var\/run\//, '/run/')
  if (path !== '/run/netns') return session.world.bpffs.readdir(r.path)
  return [...session.world.netnsNames.keys()].map((name) => name.slice('/run/netns/'.length)).sort()
}
