import type { Device } from './device.js'

export interface ForwardingEntry {
  readonly port: Device
  /** Virtual ns of the last frame from there. */
  seen: bigint
}

/** A learning switch. */
export interface BridgeState {
  readonly ports: Device[]
  readonly table: Map<string, ForwardingEntry>
}

export function newBridge(): BridgeState {
  return { ports: [], table: new Map() }
}
