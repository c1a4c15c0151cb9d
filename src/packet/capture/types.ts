/** One capture interface: the whole file of a pcap, an interface description block of a pcapng. */
export interface CaptureInterface {
  /** Index over all interfaces of the file, in file order (sections of a pcapng continue the count). */
  readonly id: number
  readonly linkType: number
  /** Longest captured length in bytes; 0 means no limit. */
  readonly snapLength: number
  /** Stamps per second as the file states them, for instance 1000000n. */
  readonly ticksPerSecond: bigint
  /** Seconds added to every stamp of the interface (pcapng if_tsoffset). */
  readonly offsetSeconds: number
  /** Bytes of frame check sequence at the end of every packet, where the file states them. */
  readonly fcsLength?: number
  readonly name?: string
  readonly description?: string
  readonly comment?: string
  readonly filter?: string
  readonly hardware?: string
  readonly os?: string
}

/** A packet of a capture. */
export interface CapturePacket {
  /** The captured bytes, a view of the chunk they arrived in where the packet lies in one chunk. */
  readonly data: Uint8Array
  /** Nanoseconds since 1970; finer stamps are cut, absent ones are 0. */
  readonly timestampNs: bigint
  readonly linkType: number
  /** Length on the wire, at least as long as `data` in a well-formed capture. */
  readonly originalLength: number
  readonly interfaceId: number
  readonly comment?: string
}

/**
 * Receives a packet as numbers, without allocation. `bytes[offset .. offset + length)` holds the packet and
 * is valid during the call only. `seconds` and `nanoseconds` (0 to 999,999,999) since 1970.
 */
export type PacketVisitor = (
  bytes: Uint8Array,
  offset: number,
  length: number,
  seconds: number,
  nanoseconds: number,
  interfaceId: number,
  originalLength: number,
) => void

/** A block of a pcapng that is no packet, as the `onBlock` option of a reader receives it. */
export type CaptureBlock =
  | {
      readonly kind: 'section'
      readonly littleEndian: boolean
      readonly majorVersion: number
      readonly minorVersion: number
      readonly comment?: string
      readonly hardware?: string
      readonly os?: string
      readonly application?: string
    }
  | { readonly kind: 'interface'; readonly interface: CaptureInterface }
  | { readonly kind: 'names'; readonly records: readonly NameRecord[] }
  | {
      readonly kind: 'statistics'
      readonly interfaceId: number
      readonly timestampNs: bigint
      readonly comment?: string
      /** Counters by name, those the block has. */
      readonly counters: InterfaceCounters
    }
  | { readonly kind: 'other'; readonly type: number; readonly length: number }

export interface InterfaceCounters {
  readonly received?: bigint
  readonly dropped?: bigint
  readonly accepted?: bigint
  readonly osDropped?: bigint
  readonly delivered?: bigint
}

/** Names of one address (pcapng name resolution block). */
export interface NameRecord {
  /** 4 or 16 bytes. */
  readonly address: Uint8Array
  readonly names: readonly string[]
}

export type CaptureFormat = 'pcap' | 'pcapng'
