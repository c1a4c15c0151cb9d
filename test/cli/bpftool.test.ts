import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { linuxUnavailable } from '../support/kernels.js'
import { root } from '../support/paths.js'

/** Runs shell lines where $F is a bpffs of their own and $S is the skep command on Linux; their output by line group. */
function inBpffs(t: TestContext, script: string): string {
  const dir = mkdtempSync(join(tmpdir(), 'skep-bpffs-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  mkdirSync(join(dir, 'fs'))
  writeFileSync(join(dir, 'frame'), new Uint8Array(64).fill(7))
  const preamble = `set -e; F=${dir}/fs; D=${dir}; mount -t bpf bpf $F; S="${process.execPath} dist/cli/main.js"; export SKEP_KERNEL=linux NO_COLOR=1`
  return execFileSync('unshare', ['-m', 'bash', '-c', `${preamble}\n${script}`], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
}

function unavailable(): string | undefined {
  const reason = linuxUnavailable()
  if (reason) return reason
  if (spawnSync('bpftool', ['version']).error !== undefined) return 'bpftool is not installed'
  return spawnSync('unshare', ['-m', 'true']).status === 0 ? undefined : 'no mount namespace can be made here'
}

/** The same words for both tools, whose output must be the same, as text or (with -j and --json) as JSON. */
const SAME = [
  'prog show pinned $F/p',
  'prog show pinned $F/p --json',
  'map show pinned $F/h',
  'map show pinned $F/h --json',
  'map dump pinned $F/wide',
  'map dump pinned $F/pc',
  'map dump pinned $F/o --json',
  'map dump pinned $F/maps/kinds',
  'map dump pinned $F/maps/xdp_coun_bss --json',
  'map lookup pinned $F/maps/protocols key 1 0 0 0',
  'map getnext pinned $F/pc key 0 0 0 0',
  'map peek pinned $F/q',
  'prog dump xlated pinned $F/s linum',
  'prog dump xlated pinned $F/s opcodes --json',
]

function theirs(words: string): string {
  return words.endsWith(' --json') ? `-j ${words.slice(0, -7)}` : words
}

/** The date of loading comes from two clocks, which may stand a second apart. */
function withoutClock(shown: Record<string, unknown>): unknown {
  if (!('loaded_at' in shown)) return shown
  assert.equal(typeof shown.loaded_at, 'number')
  return { ...shown, loaded_at: 0 }
}

test('what skep makes is shown by skep as by bpftool', (t) => {
  const reason = unavailable()
  if (reason !== undefined) return t.skip(reason)
  const out = inBpffs(
    t,
    `$S prog load test/fixtures/net/xdp_count.o $F/p pinmaps $F/maps
$S prog load test/fixtures/object/subprogs.o $F/s
$S map create $F/h type hash key 4 value 8 entries 4 name hh
$S map update pinned $F/h key 1 0 0 0 value 1 2 3 4 5 6 7 8
$S map update pinned $F/h key hex 0a 00 00 00 value 1 2 3 4 5 6 7 8
$S map create $F/wide type hash key 4 value 40 entries 4 name wide
$S map update pinned $F/wide key 1 0 0 0 value ${Array(40).fill('9').join(' ')}
$S map create $F/q type queue key 0 value 4 entries 4 name qq
$S map push pinned $F/q value 1 0 0 0
$S map create $F/pc type percpu_array key 4 value 4 entries 2 name pc
$S map update pinned $F/pc key 0 0 0 0 value 5 0 0 0
$S map create $F/o type array_of_maps key 4 value 4 entries 2 name oo inner_map pinned $F/h
$S map update pinned $F/o key 0 0 0 0 value pinned $F/h
${SAME.map((words) => `echo "== ${words}"; bpftool ${theirs(words)}; echo; echo "-- "; $S ${words}`).join('\n')}`,
  )
  const sections = out.split(/^== /m).slice(1)
  assert.equal(sections.length, SAME.length)
  for (const section of sections) {
    const title = section.slice(0, section.indexOf('\n'))
    const [expected = '', actual = ''] = section.slice(title.length + 1).split(/\n-- \n/m)
    if (!title.endsWith('--json')) assert.equal(actual, expected, title)
    else assert.deepEqual(withoutClock(JSON.parse(actual)), withoutClock(JSON.parse(expected)), title)
  }
  return undefined
})

test('what bpftool makes is opened, changed and pinned by skep', (t) => {
  const reason = unavailable()
  if (reason !== undefined) return t.skip(reason)
  const out = inBpffs(
    t,
    `bpftool map create $F/h type hash key 4 value 4 entries 4 name theirs
$S map update pinned $F/h key 7 0 0 0 value 1 0 0 0
$S map update pinned $F/h key 8 0 0 0 value 2 0 0 0 noexist
$S map delete pinned $F/h key 7 0 0 0
bpftool map dump pinned $F/h
$S map pin pinned $F/h $F/again
$S map show pinned $F/again --bpffs | grep -c pinned
$S map freeze pinned $F/h
$S map update pinned $F/h key 9 0 0 0 value 1 0 0 0 2>&1 || echo refused
bpftool prog load test/fixtures/net/xdp_count.o $F/prog
$S prog run pinned $F/prog data_in $D/frame data_out $D/out
cmp $D/frame $D/out && echo unchanged
$S prog loadall test/fixtures/object/subprogs.o $F/all; ls $F/all | tr '\\n' ' '
mount --bind $F /sys/fs/bpf; $S prog load examples/tc-bytes/bytes.o >/dev/null; test ! -e $F/tc_bytes && echo nothing stays`,
  )
  assert.match(out, /^key: 08 00 00 00 {2}value: 02 00 00 00\nFound 1 element\n2\n/)
  assert.match(
    out,
    /map_update_elem: EPERM.*\n(hint: .*\n)?refused\nReturn value: 2, duration: \d+ns\nunchanged\nalone first second third nothing stays/,
  )
  return undefined
})
