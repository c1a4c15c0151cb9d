/** Packets and bytes by verdict and by redirect target, and why packets were not run. */
export class Tally {
  packets = 0
  bytes = 0
  skipped = 0
  readonly verdicts = new Map<string, { packets: number; bytes: number }>()
  readonly redirects = new Map<string, number>()
  readonly skips = new Map<string, number>()

  add(verdict: string, bytes: number, packets = 1): void {
    this.packets += packets
    this.bytes += bytes
    const row = this.verdicts.get(verdict)
    if (row === undefined) this.verdicts.set(verdict, { packets, bytes })
    else {
      row.packets += packets
      row.bytes += bytes
    }
  }

  addRedirect(target: string | undefined): void {
    if (target !== undefined) this.redirects.set(target, (this.redirects.get(target) ?? 0) + 1)
  }

  skip(reason: string): void {
    this.skipped++
    this.skips.set(reason, (this.skips.get(reason) ?? 0) + 1)
  }
}
