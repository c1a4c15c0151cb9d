import type { NetAddress } from '../kernel/index.js'
import { equalBytes, lastOf } from './address-bytes.js'
import type { Device } from './device.js'
import type { Address, Namespace } from './namespace.js'
import { RT_SCOPE } from './numbers.js'
import { refuse } from './refuse.js'
import { addAddressRoutes, removeAddressRoutes } from './routes.js'

const IFA_F_PERMANENT = 0x80

function scopeOf(device: Device, address: Uint8Array): number {
  if (device.loopback) return RT_SCOPE.HOST
  const linkLocal = address.length === 16 && address[0] === 0xfe && ((address[1] as number) & 0xc0) === 0x80
  return linkLocal ? RT_SCOPE.LINK : RT_SCOPE.UNIVERSE
}

/** Adds an address if the device does not have it; its routes come with it while the device is up. */
export function addAddress(device: Device, address: Uint8Array, prefix: number): boolean {
  const { addresses } = device.netns
  if (addresses.some((one) => one.device === device && one.prefix === prefix && equalBytes(one.address, address)))
    return false
  addresses.push({
    device,
    address: address.slice(),
    prefix,
    scope: scopeOf(device, address),
    flags: IFA_F_PERMANENT,
  })
  if (device.up) addAddressRoutes(device, address.slice(), prefix)
  return true
}

/** RTM_NEWADDR. Throws KernelError. */
export function newAddress(device: Device, address: Uint8Array, prefix: number): void {
  const syscall = 'rtm_newaddr'
  if ((address.length !== 4 && address.length !== 16) || prefix > address.length * 8) refuse('EINVAL', syscall)
  if (!addAddress(device, address, prefix))
    refuse(
      'EEXIST',
      syscall,
      address.length === 4 ? 'ipv4: Address already assigned' : 'ipv6: address already assigned',
    )
}

/** RTM_DELADDR. Throws KernelError EADDRNOTAVAIL. */
export function deleteAddress(device: Device, address: Uint8Array, prefix: number): void {
  const { addresses } = device.netns
  const index = addresses.findIndex(
    (one) => one.device === device && one.prefix === prefix && equalBytes(one.address, address),
  )
  if (index < 0)
    refuse('EADDRNOTAVAIL', 'rtm_deladdr', address.length === 4 ? 'ipv4: Address not found' : 'ipv6: address not found')
  addresses.splice(index, 1)
  removeAddressRoutes(device, address, prefix)
}

export function dropAddresses(device: Device, which: (address: Uint8Array) => boolean): void {
  const { addresses } = device.netns
  for (let index = addresses.length - 1; index >= 0; index--) {
    const one = addresses[index] as Address
    if (one.device !== device || !which(one.address)) continue
    addresses.splice(index, 1)
    removeAddressRoutes(device, one.address, one.prefix)
  }
}

export function listAddresses(netns: Namespace, ifindex: number | undefined): NetAddress[] {
  return netns.addresses
    .filter((one) => ifindex === undefined || one.device.ifindex === ifindex)
    .map(({ device, address, prefix, scope, flags }) => ({
      ifindex: device.ifindex,
      address: address.slice(),
      prefix,
      broadcast: undefined,
      scope,
      flags,
      label: address.length === 4 ? device.name : undefined,
    }))
}

/** The device's address to speak from: of the destination's prefix where it has one. */
export function sourceAddress(device: Device, destination: Uint8Array): Uint8Array | undefined {
  const own = device.netns.addresses.filter((one) => one.device === device && one.address.length === destination.length)
  const near = own.find((one) => equalBytes(lastOf(one.address, one.prefix), lastOf(destination, one.prefix)))
  return (near ?? own.find((one) => one.scope !== RT_SCOPE.LINK) ?? own[0])?.address
}

/** Whether an address is the namespace's own. */
export function isLocalAddress(netns: Namespace, address: Uint8Array): boolean {
  return netns.addresses.some((one) => equalBytes(one.address, address))
}
