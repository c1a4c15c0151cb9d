import type { TestRunRequest } from '../../kernel/index.js'
import { refuse } from './refuse.js'

const PAGE_SIZE = 4096

/** Bytes of output context that are wanted: as many as went in where the caller does not say. */
export function ctxRoom(r: TestRunRequest): number {
  return r.ctxSizeOut ?? r.ctxIn?.length ?? 0
}

/** Bytes of output data that are wanted; undefined: all there are. */
export function dataRoom(r: TestRunRequest): number | undefined {
  return r.dataIn === undefined ? (r.dataSizeOut ?? 0) : r.dataSizeOut
}

/**
 * The caller's context as a struct of `size` bytes (bpf_ctx_init): shorter ones are zero-filled, longer ones must end in
 * zeroes. Undefined where neither input nor output was asked for.
 */
export function ctxInit(r: TestRunRequest, size: number): Uint8Array | undefined {
  const given = r.ctxIn
  if (given === undefined && ctxRoom(r) === 0) return undefined
  const ctx = new Uint8Array(size)
  if (given === undefined) return ctx
  if (given.length > PAGE_SIZE) refuse('E2BIG', `context of ${given.length} bytes, more than a page`)
  if (given.subarray(size).some((byte) => byte !== 0)) {
    refuse('E2BIG', `context of ${given.length} bytes has values beyond the ${size} this kernel knows`)
  }
  ctx.set(given.subarray(0, size))
  return ctx
}

/** The context as the caller gets it back (bpf_ctx_finish). */
export function ctxFinish(r: TestRunRequest, ctx: Uint8Array | undefined): Uint8Array {
  const room = ctxRoom(r)
  if (ctx === undefined || room === 0) return new Uint8Array(0)
  if (ctx.length > room) refuse('ENOSPC', `the context has ${ctx.length} bytes, there is room for ${room}`)
  return ctx
}

/** Checks that the output fits (bpf_test_finish); true where the caller wants it. */
export function dataFinish(r: TestRunRequest, size: number): boolean {
  const room = dataRoom(r)
  if (room === 0) return false
  if (room !== undefined && size > room) refuse('ENOSPC', `the output has ${size} bytes, there is room for ${room}`)
  return true
}

/** True where bytes [from, to) are all zero. */
export function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (bytes[at] !== 0) return false
  return true
}
