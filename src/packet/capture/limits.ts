import { LINK_TYPE } from '../link/link-types.js'

/** Longest captured packet accepted by default, as libpcap's: a length beyond it is a damaged file. */
export const MAX_PACKET_LENGTH = 0x4_0000

/** Room for the options of a block, beyond its packet. */
export const MAX_OPTIONS_LENGTH = 0x100_0000

/** Link types whose packets are transfers or messages may hold far longer ones. */
export function maxPacketLength(linkType: number): number {
  switch (linkType) {
    case LINK_TYPE.DBUS:
    case LINK_TYPE.USBPCAP:
    case LINK_TYPE.USB_LINUX:
    case LINK_TYPE.USB_LINUX_MMAPPED:
      return 0x800_0000
    case LINK_TYPE.EBHSCR:
      return 0x80_0000
    default:
      return MAX_PACKET_LENGTH
  }
}
