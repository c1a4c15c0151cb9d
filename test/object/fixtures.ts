import { readdirSync, readFileSync } from 'node:fs'
import { type ObjectSpec, openObject } from '#src/object/index.js'
import { fixture } from '../support/paths.js'

export const fixtureNames: readonly string[] = readdirSync(fixture('object'))
  .filter((name) => name.endsWith('.o'))
  .sort()

export function fixtureBytes(name: string): Uint8Array {
  return readFileSync(fixture(`object/${name}`))
}

export function openFixture(name: string): ObjectSpec {
  return openObject(fixtureBytes(name), { file: name })
}

/** The value that must be there. */
export function found<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('not found')
  return value
}
