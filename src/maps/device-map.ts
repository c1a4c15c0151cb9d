import type { Addr, Machine } from '../vm/index.js'
import { nextIndex, readIndex } from './array-map.js'
import { BPF_EXIST, BPF_NOEXIST, E2BIG, EEXIST, EINVAL, ENODEV, ENOENT, ENOMEM, EOVERFLOW } from './constants.js'
import { HashTable } from './hash-table.js'
import { mapHeader } from './header.js'
import type { CpuMap, DeviceMap, MapAttributes } from './types.js'

// Elements of DEVMAP, DEVMAP_HASH and CPUMAP are cells of 16 bytes, which programs may read:
//   +0 u32 ifindex, or queue size (0: empty)  +4 u32 id of the element's program  +8 u32 handle of that program
//   +12 u32 the device's namespace: its inode, 0 where there is only one

const CELL = 16
const PROGRAM_ID = 4
const PROGRAM = 8
const PLACE = 12
const MAX_QUEUE = 16384

/** Writes a cell; the program that was there is released. */
function fillCell(
  machine: Machine,
  cell: Addr,
  first: number,
  programId: number,
  program: Addr,
  attr: MapAttributes,
  place = 0,
): void {
  const words = machine.memory.u32
  const at = cell >>> 2
  const old = words[at + PROGRAM / 4] as number
  words[at] = first
  words[at + PROGRAM_ID / 4] = programId
  words[at + PROGRAM / 4] = program
  words[at + PLACE / 4] = place
  if (old !== 0) attr.release?.(old)
}

function isAt(machine: Machine, cell: Addr, ifindex: number, place: number): boolean {
  const words = machine.memory.u32
  return words[cell >>> 2] === ifindex && words[(cell + PLACE) >>> 2] === place
}

/** Cells in a row, as DEVMAP and CPUMAP have them. */
function createCells(machine: Machine, attr: MapAttributes) {
  const { memory } = machine
  const { maxEntries } = attr
  const cells = memory.alloc(maxEntries * CELL)
  const cellAt = (index: number): Addr => cells + index * CELL
  const occupied = (index: number): Addr =>
    index < maxEntries && memory.u32[cellAt(index) >>> 2] !== 0 ? cellAt(index) : 0
  const clear = (): void => {
    for (let i = 0; i < maxEntries; i++) fillCell(machine, cellAt(i), 0, 0, 0, attr)
  }
  return {
    cellAt,
    clear,
    freeCells: () => {
      clear()
      memory.free(cells)
    },
    common: {
      lookup: (key: Addr) => occupied(readIndex(machine, key)),
      elementAt: (index: number) => occupied(index >>> 0),
      update: () => EINVAL,
      delete(key: Addr) {
        const index = readIndex(machine, key)
        if (index >= maxEntries) return EINVAL
        fillCell(machine, cellAt(index), 0, 0, 0, attr)
        return 0
      },
      nextKey: (key: Addr, next: Addr) => nextIndex(machine, maxEntries, key, next),
      programOf: (value: Addr) => memory.u32[(value + PROGRAM) >>> 2] as number,
    },
  }
}

/** DEVMAP. Throws OutOfMemoryError. */
export function createDeviceMap(machine: Machine, attr: MapAttributes): DeviceMap {
  const { cellAt, freeCells, common } = createCells(machine, attr)
  const map: DeviceMap = {
    ...mapHeader(machine, attr),
    ...common,
    checkSet(key, ifindex, programFd, flags) {
      if (flags >>> 0 > BPF_EXIST) return EINVAL
      if (readIndex(machine, key) >= attr.maxEntries) return E2BIG
      if (flags === BPF_NOEXIST) return EEXIST
      return ifindex === 0 && programFd > 0 ? EINVAL : 0
    },
    setDevice(key, ifindex, program, programId, flags, place) {
      const status = map.checkSet(key, ifindex, 0, flags)
      if (status === 0) fillCell(machine, cellAt(readIndex(machine, key)), ifindex, programId, program, attr, place)
      return status
    },
    dropDevice(ifindex, place) {
      for (let i = 0; i < attr.maxEntries; i++) {
        if (isAt(machine, cellAt(i), ifindex, place)) fillCell(machine, cellAt(i), 0, 0, 0, attr)
      }
    },
    eachTarget(visit) {
      for (let i = 0; i < attr.maxEntries; i++) if (machine.memory.u32[cellAt(i) >>> 2] !== 0) visit(cellAt(i))
    },
    free() {
      freeCells()
      machine.freeHandle(map.handle)
    },
  }
  return map
}

/** CPUMAP. Throws OutOfMemoryError. */
export function createCpuMap(machine: Machine, attr: MapAttributes): CpuMap {
  const { cellAt, freeCells, common } = createCells(machine, attr)
  const map: CpuMap = {
    ...mapHeader(machine, attr),
    ...common,
    checkSet(key, queueSize, flags) {
      const cpu = readIndex(machine, key)
      if (flags >>> 0 > BPF_EXIST) return EINVAL
      if (cpu >= attr.maxEntries) return E2BIG
      if (flags === BPF_NOEXIST) return EEXIST
      if (queueSize > MAX_QUEUE) return EOVERFLOW
      return cpu >= machine.cpus ? ENODEV : 0
    },
    setQueue(key, queueSize, program, programId) {
      const status = map.checkSet(key, queueSize, 0)
      if (status === 0) fillCell(machine, cellAt(readIndex(machine, key)), queueSize, programId, program, attr)
      return status
    },
    free() {
      freeCells()
      machine.freeHandle(map.handle)
    },
  }
  return map
}

/** DEVMAP_HASH: a hash over the cells; the key itself is the hash. Throws OutOfMemoryError. */
export function createDeviceHash(machine: Machine, attr: MapAttributes): DeviceMap {
  const { memory } = machine
  const { maxEntries } = attr
  const table = new HashTable(machine, {
    keySize: 4,
    valueArea: CELL,
    maxEntries,
    seed: 0,
    lru: false,
    plainHash: true,
  })
  const { valueOffset } = table
  const drop = (element: Addr): void => {
    table.unlink(element)
    fillCell(machine, element + valueOffset, 0, 0, 0, attr)
    table.giveBack(element)
  }
  const map: DeviceMap = {
    ...mapHeader(machine, attr),
    lookupBody: table.lookupBody(),
    lookup(key) {
      const element = table.lookup(key)
      return element === 0 ? 0 : element + valueOffset
    },
    update: () => EINVAL,
    checkSet(key, ifindex, _programFd, flags) {
      if (flags >>> 0 > BPF_EXIST || ifindex === 0) return EINVAL
      return table.lookup(key) !== 0 && (flags & BPF_NOEXIST) !== 0 ? EEXIST : 0
    },
    setDevice(key, ifindex, program, programId, flags, place) {
      const status = map.checkSet(key, ifindex, 0, flags)
      if (status !== 0) return status
      const old = table.lookup(key)
      if (old === 0 && table.count >= maxEntries) return E2BIG
      const element = table.take()
      if (element === 0) return ENOMEM
      fillCell(machine, element + valueOffset, ifindex, programId, program, attr, place)
      if (old === 0) table.addCount(1)
      else drop(old)
      table.insert(element, key)
      return 0
    },
    delete(key) {
      const element = table.lookup(key)
      if (element === 0) return ENOENT
      drop(element)
      table.addCount(-1)
      return 0
    },
    nextKey: (key, next) => (table.copyKey(table.following(key), next) ? 0 : ENOENT),
    dropDevice(ifindex, place) {
      const gone: Addr[] = []
      table.each((element) => {
        if (isAt(machine, element + valueOffset, ifindex, place)) gone.push(element)
      })
      for (const element of gone) drop(element)
      table.addCount(-gone.length)
    },
    eachTarget(visit) {
      table.each((element) => {
        visit(element + valueOffset)
      })
    },
    programOf: (value) => memory.u32[(value + PROGRAM) >>> 2] as number,
    free() {
      table.each((element) => {
        drop(element)
      })
      table.free()
      machine.freeHandle(map.handle)
    },
  }
  return map
}
