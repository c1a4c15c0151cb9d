import { toHex } from '../../base/index.js'
import { JsonWriter } from '../../btf/index.js'

/**
 * JSON text as bpftool writes it: 64-bit integers as numbers with all their digits, bytes as hex strings. A value may be text that is
 * JSON already (`RawJson`).
 */
export function jsonText(value: unknown, pretty: boolean): string {
  const writer = new JsonWriter(pretty)
  write(writer, value, pretty ? 0 : undefined)
  return writer.toString()
}

/** JSON that is text already, and goes in as it is. */
export class RawJson {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** `depth`: how far pretty text is indented. */
function write(writer: JsonWriter, value: unknown, depth: number | undefined): void {
  const deeper = depth === undefined ? undefined : depth + 1
  if (value === null || value === undefined) writer.raw('null')
  else if (typeof value === 'string') writer.string(value)
  else if (typeof value === 'bigint' || typeof value === 'boolean') writer.raw(String(value))
  else if (typeof value === 'number') writer.raw(Number.isFinite(value) ? String(value) : 'null')
  else if (value instanceof RawJson)
    writer.raw(depth ? value.text.replaceAll('\n', `\n${'    '.repeat(depth)}`) : value.text)
  else if (value instanceof Uint8Array) writer.string(toHex(value))
  else if (Array.isArray(value)) {
    writer.startArray()
    for (const item of value) write(writer, item, deeper)
    writer.endArray()
  } else {
    writer.startObject()
    for (const [name, item] of Object.entries(value as object)) {
      if (item === undefined) continue
      writer.name(name)
      write(writer, item, deeper)
    }
    writer.endObject()
  }
}
