import type { Fd, MapCreateRequest } from '../../kernel/index.js'
import type { Session } from '../session.js'
import { mapOrigin, recordCreation } from '../snapshot/creation.js'
import type { MapObject } from '../state/objects.js'
import { mapCreate } from './map-create.js'

/** BPF_MAP_CREATE: the map becomes an object of the kernel, the descriptor has the rights that its flags give. */
export function createMapObject(session: Session, r: MapCreateRequest): Fd {
  const { world } = session
  const { result: created, ...creation } = recordCreation(world.machine, () => mapCreate(session.mapHost, r))
  const { map, btf, readable, writable } = created
  const object: MapObject = {
    kind: 'map',
    id: world.maps.reserve(),
    references: 1,
    map,
    name: r.mapName ?? '',
    frozen: false,
    users: 0,
    btf: btf && world.get(btf),
    btfKeyTypeId: btf === undefined ? 0 : (r.btfKeyTypeId ?? 0),
    btfValueTypeId: btf === undefined ? 0 : (r.btfValueTypeId ?? 0),
    origin: mapOrigin(session, r, creation),
  }
  world.add(object)
  return session.open(object, readable, writable)
}
