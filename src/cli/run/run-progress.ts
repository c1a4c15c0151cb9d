import { Presets, SingleBar } from 'cli-progress'

/** A progress bar with rate on stderr, for runs that take long enough to wonder; nothing without a terminal. */
export class RunProgress {
  readonly #bar: SingleBar | undefined
  readonly #started = performance.now()
  #shown = false

  constructor(wanted: boolean, size: number | undefined) {
    if (!wanted || size === undefined || process.stderr.isTTY !== true) return
    this.#bar = new SingleBar(
      {
        stream: process.stderr,
        format: '{bar} {percentage} % | {packets} packets | {rate} packets/s | {eta_formatted} left',
        hideCursor: true,
        clearOnComplete: true,
        fps: 5,
      },
      Presets.shades_classic,
    )
    this.#bar.setTotal(size)
  }

  update(position: number, packets: number): void {
    if (this.#bar === undefined) return
    const seconds = (performance.now() - this.#started) / 1000
    // Short runs end before a bar would tell anything.
    if (!this.#shown && seconds < 0.3) return
    const payload = { packets: packets.toLocaleString('en'), rate: Math.round(packets / seconds).toLocaleString('en') }
    if (!this.#shown) {
      this.#bar.start(this.#bar.getTotal(), position, payload)
      this.#shown = true
    } else this.#bar.update(position, payload)
  }

  stop(): void {
    if (this.#shown) this.#bar?.stop()
  }
}
