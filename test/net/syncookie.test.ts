import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddress } from '#src/packet/index.js'
import { staticNetwork } from '#src/vm/index.js'
import { siphashLow } from '#src/vm/net/siphash.js'
import { linuxUnavailable } from '../support/kernels.js'
import { compareInNamespace, namespaceUnavailable } from './support/compare.js'
import { loadPair, type Run } from './support/pair.js'
import { type Random, random } from './support/random.js'

const skip = linuxUnavailable()

/** A SYN, mostly with options of all kinds, some broken. */
function syn(r: Random, family: 4 | 6, destination: string, port: number): Run {
  const ip = family === 4 ? 20 : 40
  const dataIn = r.bytes(14 + ip + 80)
  const view = new DataView(dataIn.buffer)
  view.setUint16(12, family === 4 ? 0x0800 : 0x86dd)
  dataIn[14] = family === 4 ? 0x45 : 0x60
  dataIn[14 + (family === 4 ? 9 : 6)] = 6
  const to = parseAddress(destination)
  dataIn.set(to, 14 + ip - to.length)
  const tcp = 14 + ip
  view.setUint16(tcp + 2, port)
  dataIn[tcp + 12] = r.chance(0.95) ? (5 + r.below(11)) << 4 : r.below(256)
  dataIn[tcp + 13] = r.chance(0.9) ? 2 : r.below(256)
  let at = tcp + 20
  const end = tcp + 60
  while (at + 4 < end && r.chance(0.85)) {
    const kind = r.pick([0, 1, 1, 2, 2, 2, 3, 4, 8])
    dataIn[at] = kind
    if (kind < 2) {
      at++
      continue
    }
    const size = kind === 2 && r.chance(0.9) ? 4 : r.below(6)
    dataIn[at + 1] = size
    if (r.chance(0.7)) view.setUint16(at + 2, r.pick([0, 500, 536, 537, 1219, 1220, 1300, 1440, 1460, 8940, 9000]))
    at += Math.max(1, size)
  }
  return { dataIn }
}

test('SipHash-2-4 of the designers, low half', () => {
  const key = Uint32Array.of(0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c)
  const message = Uint8Array.from({ length: 15 }, (_, index) => index)
  // a129ca6149be45e5 is the value of the paper's appendix for this message.
  assert.equal(siphashLow(message, key) >>> 0, 0x49be45e5)
})

test('raw SYN cookies: what Linux takes and gives, without its secret', { skip }, () => {
  for (const [program, family, destination] of [
    ['raw_ipv4', 4, '127.0.0.1'],
    ['raw_ipv6', 6, '::1'],
  ] as const) {
    using pair = loadPair('helpers/syncookie.o', program)
    const r = random()
    for (let run = 0; run < 1500; run++) {
      const request = syn(r, family, destination, 80)
      assert.deepEqual(pair.embedded(request), pair.linux(request), `${program} seed ${r.seed} run ${run}`)
    }
  }
})

test('SYN cookies of a listener, by net.ipv4.tcp_syncookies', { skip: namespaceUnavailable() }, () => {
  for (const syncookies of [0, 1, 2] as const) {
    const r = random()
    const runs = Array.from({ length: 300 }, () => {
      const run = syn(r, 4, '127.0.0.1', r.chance(0.95) ? 8000 : 9000)
      // Without options: what the program passes is the bare header.
      const { dataIn } = run
      if (dataIn !== undefined && r.chance(0.9)) dataIn[14 + 20 + 12] = 0x50
      return run
    })
    const network = staticNetwork({ syncookies, sockets: [{ protocol: 'tcp', local: '127.0.0.1:8000' }] })
    const setup = `ip link set lo up\nsysctl -qw net.ipv4.tcp_syncookies=${syncookies}`
    const work = { path: 'helpers/syncookie.o', program: 'listener', runs, sockets: ['tcp 127.0.0.1 8000'] }
    compareInNamespace(setup, { network }, work)
  }
})
