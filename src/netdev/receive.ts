import type { Device } from './device.js'
import type { Frame } from './frame.js'
import type { VirtualNetwork } from './network.js'

/** A frame arrives at a device. */
export function receiveFrame(_network: VirtualNetwork, _device: Device, _frame: Frame): void {}
