import { toHex } from '../../base/index.js'

/**
 * JSON text of a value. 64-bit integers are numbers where a double holds them exactly and decimal strings elsewhere;
 * bytes are hex strings.
 */
export function toJson(value: unknown, indent?: number): string {
  return JSON.stringify(
    value,
    (_, item: unknown) => {
      if (typeof item === 'bigint') {
        return item >= BigInt(Number.MIN_SAFE_INTEGER) && item <= BigInt(Number.MAX_SAFE_INTEGER)
          ? Number(item)
          : item.toString()
      }
      if (item instanceof Uint8Array) return toHex(item)
      if (typeof item === 'number' && !Number.isFinite(item)) return String(item)
      return item
    },
    indent,
  )
}

export function printJson(value: unknown): void {
  process.stdout.write(toJson(value, 2) + '\n')
}
