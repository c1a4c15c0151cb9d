import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { root } from '../support/paths.js'

/** Runs shell lines in a kernel of their own; $T is an empty folder. Output and errors together. */
function inShell(t: TestContext, script: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'skep-files-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const run = spawnSync(process.execPath, [join(root, 'dist/cli/main.js'), 'sh', '-c', `exec 2>&1\n${script}`], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, SHELL: '/bin/sh', SKEP_DIR: join(folder, 'none'), T: folder, NO_COLOR: '1' },
  })
  assert.equal(run.stderr, '')
  return run.stdout.replaceAll(folder, '$T')
}

test('sysctl: values, refusals, and the one that stays', (t) => {
  const out = inShell(
    t,
    `sysctl net.core.bpf_jit_enable net/core/bpf_jit_harden
sysctl -n net.core.bpf_jit_enable
sysctl -w net.core.bpf_jit_harden=2
sysctl -q net.core.bpf_jit_harden=1; sysctl net.core.bpf_jit_harden
sysctl net.core.bpf_jit_enable=7; echo $?
sysctl no.such; echo $?
sysctl -e no.such; echo $?
sysctl kernel.unprivileged_bpf_disabled=1
sysctl kernel.unprivileged_bpf_disabled=0; echo $?
cat /proc/sys/kernel/unprivileged_bpf_disabled`,
  )
  assert.equal(
    out,
    `net.core.bpf_jit_enable = 1
net.core.bpf_jit_harden = 0
1
net.core.bpf_jit_harden = 2
net.core.bpf_jit_harden = 1
sysctl: setting key "net.core.bpf_jit_enable": Invalid argument
1
sysctl: cannot stat /proc/sys/no/such: No such file or directory
1
0
kernel.unprivileged_bpf_disabled = 1
sysctl: setting key "kernel.unprivileged_bpf_disabled": Operation not permitted
1
1
`,
  )
})

test('mount, tree, ls, mkdir, rm: pins in several file systems', (t) => {
  const out = inShell(
    t,
    `mkdir -p /sys/fs/bpf/a/b && mkdir /sys/fs/bpf/a
bpftool prog load test/fixtures/object/subprogs.o /sys/fs/bpf/a/p pinmaps /sys/fs/bpf/a/b
tree /sys/fs/bpf
ls -l /sys/fs/bpf/a
mkdir $T/own $T/bound
mount -t bpf bpf $T/own; ls $T/own
bpftool prog pin pinned /sys/fs/bpf/a/p $T/own/q; ls $T/own
bpftool -f prog | grep pinned
mount --bind /sys/fs/bpf/a $T/bound; ls $T/bound
mount | grep 'type bpf.*nosuid'
mount -t bpf bpf $T/nowhere || echo $?
umount $T/bound; umount $T/own; ls $T/own; umount /sys/fs/bpf/a; echo $?
rm /sys/fs/bpf/a; rm /sys/fs/bpf/nope; rmdir /sys/fs/bpf/a; cat /sys/fs/bpf/a/p
rm -r /sys/fs/bpf/a; tree /sys/fs/bpf; bpftool prog
echo theirs > $T/file; cat $T/file; ls $T`,
  )
  assert.equal(
    out,
    `mkdir: cannot create directory '/sys/fs/bpf/a': File exists
/sys/fs/bpf
└── a
    ├── b
    │   └── subprogs_bss
    └── p

2 directories, 2 files
total 0
drwxr-xr-x 2 root root 0 b
-rw------- 1 root root 0 p
q
	pinned /sys/fs/bpf/a/p
	pinned $T/own/q
b
p
bpf on /sys/fs/bpf type bpf (rw,nosuid,nodev,noexec,relatime)
bpf on $T/own type bpf (rw,nosuid,nodev,noexec,relatime)
bpf on $T/bound type bpf (rw,nosuid,nodev,noexec,relatime)
mount: $T/nowhere: mount point does not exist.
32
umount: /sys/fs/bpf/a: not mounted.
32
rm: cannot remove '/sys/fs/bpf/a': Is a directory
rm: cannot remove '/sys/fs/bpf/nope': No such file or directory
rmdir: failed to remove '/sys/fs/bpf/a': Directory not empty
cat: /sys/fs/bpf/a/p: Input/output error
/sys/fs/bpf

0 directories, 0 files
theirs
bound
file
own
`,
  )
})

test('kallsyms, and the image of a program in the log', (t) => {
  const out = inShell(
    t,
    `bpftool prog load test/fixtures/object/subprogs.o /sys/fs/bpf/p
cat /proc/kallsyms | grep -c 'bpf_prog_[0-9a-f]*_first'
sysctl -q net.core.bpf_jit_kallsyms=0; cat /proc/kallsyms | grep -c bpf_prog
bpf_jit_disasm; echo $?
sysctl -q net.core.bpf_jit_enable=2
bpftool prog load test/fixtures/object/subprogs.o /sys/fs/bpf/p2
dmesg | grep -c 'flen=18 proglen=[0-9]* pass=1 image=0xffffffffa'
bpf_jit_disasm | head -1 | sed 's/[0-9][0-9]*/N/g'; bpf_jit_disasm | grep -c '(func '`,
  )
  assert.match(
    out,
    /^1\n0\nNo JIT image found!\n1\n1\nN bytes emitted from JIT compiler \(pass:N, flen:N\)\n[1-9]\d*\n$/,
  )
})
