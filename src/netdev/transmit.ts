import type { Device } from './device.js'
import type { Frame } from './frame.js'
import type { VirtualNetwork } from './network.js'

export function sendToNeighbour(_network: VirtualNetwork, _device: Device, _frame: Frame): void {}
