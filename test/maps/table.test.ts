// The table of map types (spec) and what map_create checks (maps) say the same: one informs, the other answers errnos.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ERRNO } from '#src/base/index.js'
import { checkMapAttributes } from '#src/maps/check-attributes.js'
import type { MapAttributes } from '#src/maps/index.js'
import { bpf_map_create_flags, MAP_TYPES, type MapTypeRow, type SizeRule, sizeError } from '#src/spec/index.js'

const F = bpf_map_create_flags
/** Types of kernels later than the one that is followed. */
const rows: readonly MapTypeRow[] = (MAP_TYPES as readonly MapTypeRow[]).filter((row) => row.since === undefined)

/** A size that the rule allows: a small one. */
function some(rule: SizeRule): number {
  const candidates = rule.only ?? [1, 4, 8, 16, 64, 4096, 0]
  const found = candidates.find((size) => sizeError(rule, size) === undefined)
  assert.ok(found !== undefined, JSON.stringify(rule))
  return found
}

/** Sizes around what the rule says, and some that are never right. */
function around(rule: SizeRule): number[] {
  const points = [0, 1, 3, 4, 5, 7, 8, 16, 64, ...(rule.only ?? []), rule.min ?? 0, rule.max ?? 64]
  const near = points.flatMap((point) => [point - 1, point, point + 1])
  return [...new Set(near)].filter((size) => size >= 0 && size <= 0xffff_ffff)
}

function good(row: MapTypeRow): MapAttributes {
  const flags = (row.requires ?? []).reduce((sum, flag) => sum | F[flag], 0)
  return {
    type: row.id,
    keySize: some(row.key),
    valueSize: some(row.value),
    maxEntries: some(row.entries),
    flags,
    name: '',
    ...(row.btf ? { btfKeyTypeId: 1, btfValueTypeId: 2 } : {}),
    ...(row.name === 'struct_ops' ? { btfVmlinuxValueTypeId: 1 } : {}),
  } as MapAttributes
}

const status = (code: 'EINVAL' | 'E2BIG' | undefined): number => (code === undefined ? 0 : -ERRNO[code])

for (const row of rows) {
  test(`${row.name}: sizes and flags`, () => {
    const base = good(row)
    assert.equal(checkMapAttributes(base), 0, 'a good request')
    const sizes = { keySize: row.key, valueSize: row.value, maxEntries: row.entries }
    for (const [what, rule] of Object.entries(sizes)) {
      // The value of struct_ops is compared with the kernel's struct, when that has been looked up.
      if (row.name === 'struct_ops' && what === 'valueSize') continue
      for (const size of around(rule)) {
        const request = { ...base, [what]: size }
        const sum = request.keySize + request.valueSize
        const tooMuch = row.together !== undefined && sum > row.together ? 'E2BIG' : undefined
        assert.equal(checkMapAttributes(request), status(sizeError(rule, size) ?? tooMuch), `${what} ${size}`)
      }
    }
    // Stack traces by build id have 32 bytes a frame.
    const roomy = sizeError(row.value, 64) === undefined ? { ...base, valueSize: 64 } : base
    for (const flag of Object.keys(F) as (keyof typeof F)[]) {
      const expected = row.flags.includes(flag) ? 0 : -ERRNO.EINVAL
      const found = checkMapAttributes({ ...roomy, flags: base.flags | F[flag] })
      assert.equal(found === 0, expected === 0, `${flag}: ${found}`)
    }
    for (const flag of row.requires ?? []) {
      assert.equal(checkMapAttributes({ ...base, flags: base.flags & ~F[flag] }), -ERRNO.EINVAL, `without ${flag}`)
    }
  })
}
