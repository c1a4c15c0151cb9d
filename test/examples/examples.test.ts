import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { linuxUnavailable } from '../support/kernels.js'
import { root } from '../support/paths.js'

/** What each example says, on both kernels; on Linux other packets (IPv6's own) may pass by. */
const EXPECTED: Readonly<Record<string, { readonly embedded: RegExp; readonly linux: RegExp }>> = {
  'xdp-counters': {
    embedded: /^dropped: 3 packets, 141 bytes\npassed: 2 packets, 94 bytes\n$/,
    linux: /^attached to a veth, native mode\ndropped: 3 packets, 144 bytes\npassed: \d+ packets, \d+ bytes\n$/,
  },
  'tc-bytes': {
    embedded:
      /^both programs use the same map\ningress: 3 IPv4 packets, 141 bytes\negress: 1 IPv4 packets, 47 bytes\n$/,
    linux:
      /^both programs use the same map\ningress: 3 IPv4 packets, 144 bytes\negress: \d+ IPv4 packets, \d+ bytes\n$/,
  },
  bandwidth: {
    embedded:
      /^no meter: 0 packets so far, 0 bytes since\non the wire: 4 packets so far, 288 bytes since\nabove Ethernet: 8 packets so far, 136 bytes since\n$/,
    linux:
      /^no meter: 0 packets so far, 0 bytes since\non the wire: \d+ packets so far, \d{3,} bytes since\nabove Ethernet: \d+ packets so far, [1-9]\d+ bytes since\n$/,
  },
  'syscall-events': {
    embedded: /^event 0: pid \d+ system call 0 by '.*'\n(event .*\n){4}5 events\n$/,
    linux:
      /^event 0: pid \d+ system call \d+ by '.*'\n(event .*\n){4}event 0: pid \d+ function kill by '.*'\nevent 1: pid \d+ function getpriority by '.*'\n7 events\n$/,
  },
  'config-swap': {
    embedded: /^blue: dropped 5000\ngreen: dropped 6000, 7000\n$/,
    linux: /^attached to a veth, native mode\nblue: dropped 5000\ngreen: dropped 6000, 7000\n$/,
  },
}

for (const [name, expected] of Object.entries(EXPECTED)) {
  const main = `build/examples/${name}/main.js`

  test(`example ${name} (embedded)`, () => {
    const run = spawnSync(process.execPath, [main], { cwd: root, encoding: 'utf8' })
    assert.equal(run.status, 0, run.stderr)
    assert.match(run.stdout, expected.embedded)
  })

  test(`example ${name} (linux)`, { skip: linuxUnavailable() }, (t) => {
    if (spawnSync('unshare', ['-m', 'true']).status !== 0) return t.skip('no mount namespace can be made here')
    const dir = mkdtempSync(join(tmpdir(), 'skep-example-'))
    t.after(() => rmSync(dir, { recursive: true, force: true }))
    const fs = join(dir, 'fs')
    mkdirSync(fs)
    const script = `mount -t bpf bpf ${fs} && BPFFS=${fs} ${process.execPath} ${main} --kernel linux && rmdir ${fs}/* 2>/dev/null; ls ${fs} | grep -v debug$ >&2; true`
    const run = spawnSync('unshare', ['-m', 'bash', '-c', script], { cwd: root, encoding: 'utf8' })
    assert.match(run.stdout, expected.linux, run.stderr)
    // Nothing stays pinned.
    assert.equal(run.stderr, '')
    return undefined
  })
}
