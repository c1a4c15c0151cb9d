import { decodeText, FormatError } from '../../base/index.js'
import { OPTION, optionText, walkOptions } from './pcapng-options.js'
import { type Clock, clockOf, splitStamp, stamp, toNanoseconds } from './timestamps.js'
import type { CaptureBlock, CaptureInterface, InterfaceCounters, NameRecord } from './types.js'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** The body of a block: `bytes[start .. end)`, `base` the file offset of `bytes[0]`. */
export interface BlockBody {
  readonly bytes: Uint8Array
  readonly view: DataView
  readonly littleEndian: boolean
  readonly start: number
  readonly end: number
  readonly base: number
}

export function parseSectionBlock(body: BlockBody): CaptureBlock {
  need(body, 16, 'section header')
  const { view, bytes, start, littleEndian } = body
  const majorVersion = view.getUint16(start + 4, littleEndian)
  const minorVersion = view.getUint16(start + 6, littleEndian)
  if (majorVersion !== 1) {
    throw new FormatError('pcapng', `version ${majorVersion}.${minorVersion} of the format is not read`, {
      offset: body.base + start + 4,
    })
  }
  const texts: { comment?: string; hardware?: string; os?: string; application?: string } = {}
  options(body, 16, (code, offset, length) => {
    if (code === OPTION.comment) texts.comment = joined(texts.comment, optionText(bytes, offset, length))
    else if (code === OPTION.shbHardware) texts.hardware = optionText(bytes, offset, length)
    else if (code === OPTION.shbOs) texts.os = optionText(bytes, offset, length)
    else if (code === OPTION.shbApplication) texts.application = optionText(bytes, offset, length)
  })
  return { kind: 'section', littleEndian, majorVersion, minorVersion, ...texts }
}

export function parseInterfaceBlock(body: BlockBody, id: number): { description: CaptureInterface; clock: Clock } {
  need(body, 8, 'interface description')
  const { view, bytes, start, littleEndian } = body
  let resolution = 6
  let offsetSeconds = 0n
  const texts: Partial<Mutable<CaptureInterface>> = {}
  options(body, 8, (code, offset, length) => {
    if (code === OPTION.comment) texts.comment = joined(texts.comment, optionText(bytes, offset, length))
    else if (code === OPTION.ifName) texts.name = optionText(bytes, offset, length)
    else if (code === OPTION.ifDescription) texts.description = optionText(bytes, offset, length)
    else if (code === OPTION.ifOs) texts.os = optionText(bytes, offset, length)
    else if (code === OPTION.ifHardware) texts.hardware = optionText(bytes, offset, length)
    else if (code === OPTION.ifFcslen && length >= 1) texts.fcsLength = view.getUint8(offset)
    else if (code === OPTION.ifTsresol && length >= 1) resolution = view.getUint8(offset)
    else if (code === OPTION.ifTsoffset && length >= 8) offsetSeconds = view.getBigInt64(offset, littleEndian)
    else if (code === OPTION.ifFilter && length >= 1 && view.getUint8(offset) === 0) {
      texts.filter = optionText(bytes, offset + 1, length - 1)
    }
  })
  const clock = clockOf(resolution, offsetSeconds)
  const snapLength = view.getUint32(start + 4, littleEndian)
  const description = {
    id,
    linkType: view.getUint16(start, littleEndian),
    snapLength,
    ticksPerSecond: clock.ticksPerSecond,
    offsetSeconds: clock.offsetSeconds,
    ...texts,
  }
  return { description, clock }
}

const NAME_RECORD_IPV4 = 1
const NAME_RECORD_IPV6 = 2

export function parseNamesBlock(body: BlockBody): CaptureBlock {
  const { view, bytes, start, end, littleEndian, base } = body
  const records: NameRecord[] = []
  walkOptions(view, littleEndian, start, end, base, (type, offset, length) => {
    const addressLength = type === NAME_RECORD_IPV4 ? 4 : type === NAME_RECORD_IPV6 ? 16 : 0
    if (addressLength === 0) return
    if (length < addressLength) {
      throw new FormatError('pcapng', `name record of ${length} bytes has no room for its address`, {
        offset: base + offset,
      })
    }
    const names: string[] = []
    let from = offset + addressLength
    for (let at = from; at < offset + length; at++) {
      if (bytes[at] !== 0) continue
      names.push(decodeText(bytes.subarray(from, at)))
      from = at + 1
    }
    if (from < offset + length) names.push(decodeText(bytes.subarray(from, offset + length)))
    records.push({ address: bytes.slice(offset, offset + addressLength), names })
  })
  return { kind: 'names', records }
}

const COUNTERS = new Map<number, keyof InterfaceCounters>([
  [OPTION.isbIfrecv, 'received'],
  [OPTION.isbIfdrop, 'dropped'],
  [OPTION.isbFilteraccept, 'accepted'],
  [OPTION.isbOsdrop, 'osDropped'],
  [OPTION.isbUsrdeliv, 'delivered'],
])

export function parseStatisticsBlock(body: BlockBody, clocks: readonly Clock[], sectionStart: number): CaptureBlock {
  need(body, 12, 'interface statistics')
  const { view, bytes, start, littleEndian } = body
  const local = view.getUint32(start, littleEndian)
  const clock = clocks[local]
  if (clock === undefined) {
    throw new FormatError('pcapng', `statistics name interface ${local}, the section describes ${clocks.length}`, {
      offset: body.base + start,
    })
  }
  splitStamp(clock, view.getUint32(start + 4, littleEndian), view.getUint32(start + 8, littleEndian))
  const timestampNs = toNanoseconds(stamp.seconds, stamp.nanoseconds)
  const counters: Mutable<InterfaceCounters> = {}
  let comment: string | undefined
  options(body, 12, (code, offset, length) => {
    const name = COUNTERS.get(code)
    if (code === OPTION.comment) comment = joined(comment, optionText(bytes, offset, length))
    else if (name !== undefined && length >= 8) counters[name] = view.getBigUint64(offset, littleEndian)
  })
  const interfaceId = sectionStart + local
  return { kind: 'statistics', interfaceId, timestampNs, counters, ...(comment === undefined ? {} : { comment }) }
}

function need(body: BlockBody, length: number, what: string): void {
  if (body.end - body.start >= length) return
  throw new FormatError('pcapng', `${what} block is cut: ${body.end - body.start} bytes of at least ${length}`, {
    offset: body.base + body.start,
  })
}

function options(body: BlockBody, after: number, visit: (code: number, offset: number, length: number) => void): void {
  walkOptions(body.view, body.littleEndian, body.start + after, body.end, body.base, visit)
}

function joined(before: string | undefined, text: string): string {
  return before === undefined ? text : `${before}\n${text}`
}
