// A small network in the embedded kernel, in a few words.
import type { Fd, Kernel } from 'skep'
import { attachXdp, type BpfProgram, type Collection, NetNamespace } from 'skep'
import type { EmbeddedKernel, JourneyStep } from 'skep/embedded'

export class Network {
  readonly kernel: EmbeddedKernel
  readonly #spaces = new Map<string, NetNamespace>()

  constructor(kernel: EmbeddedKernel) {
    this.kernel = kernel
  }

  space(name: string): NetNamespace {
    let space = this.#spaces.get(name)
    if (space === undefined) {
      space = NetNamespace.create(this.kernel)
      space.device('lo').set({ up: true })
      this.#spaces.set(name, space)
    }
    return space
  }

  netns(name: string): Fd {
    return this.space(name).fd
  }

  /** 'internet:wan router:wan0' */
  wire(ends: string): void {
    const [[left = '', leftDevice = ''] = [], [right = '', rightDevice = ''] = []] = ends
      .split(' ')
      .map((end) => end.split(':'))
    this.space(left).createVeth(leftDevice, rightDevice, { peerNetns: this.space(right) })
  }

  device(place: string) {
    const [space = '', device = ''] = place.split(':')
    return this.space(space).device(device)
  }

  address(place: string, ...addresses: readonly string[]): void {
    for (const address of addresses) this.device(place).addAddress(address)
  }

  mac(place: string): Uint8Array {
    return this.device(place).info().address
  }

  attach(place: string, program: BpfProgram): void {
    attachXdp(program, this.device(place), { mode: 'native' })
  }

  stats(place: string) {
    const [space = '', name = ''] = place.split(':')
    return this.kernel.network.stats({ netns: this.netns(space), name })
  }

  /** One line for each device: what came in, went out and was lost. */
  counters(places: readonly string[]): string {
    const rows = places.map((place) => {
      const { rxPackets, txPackets, rxDropped, txDropped, xdpDrops, xdpTx, xdpRedirect } = this.stats(place)
      return [place, rxPackets, txPackets, xdpDrops, xdpTx, xdpRedirect, rxDropped + txDropped].map(String)
    })
    const all = [['device', 'rx', 'tx', 'xdp drop', 'xdp tx', 'xdp redirect', 'lost'], ...rows]
    const widths = all[0]?.map((_, column) => Math.max(...all.map((row) => (row[column] as string).length))) ?? []
    return all
      .map((row) =>
        row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  '),
      )
      .join('\n')
  }

  /** The steps of the packets that `send` causes, as lines. */
  journey(send: () => void): string {
    const steps: JourneyStep[] = []
    using _ = this.kernel.network.watch((step) => void steps.push(step))
    send()
    const text = (step: JourneyStep): string =>
      [step.device.padEnd(8), step.hook, step.what, step.program?.name, step.verdict, step.target, step.reason]
        .filter((part) => part !== undefined)
        .join(' ')
    return steps.map((step) => `  #${step.packet} ${text(step)}`).join('\n')
  }
}

export type { Collection, Kernel }
