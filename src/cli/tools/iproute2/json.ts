/** Values that iproute2 prints as JSON. An undefined member is left out. */
export type Json =
  | string
  | number
  | bigint
  | boolean
  | null
  | readonly Json[]
  | { readonly [name: string]: Json | undefined }

/** JSON as iproute2 writes it: without spaces, or (`pretty`) with four per level, arrays on one line. */
export function toolJson(value: Json, pretty: boolean): string {
  let text = ''
  let depth = 0
  let separator = ''
  const line = (): void => {
    if (pretty) text += `\n${'    '.repeat(depth)}`
  }
  const comma = (): void => {
    text += separator
    separator = ','
  }
  const write = (one: Json): void => {
    comma()
    if (Array.isArray(one)) {
      text += pretty ? '[ ' : '['
      depth++
      separator = ''
      for (const each of one as readonly Json[]) write(each)
      if (pretty && separator !== '') text += ' '
      depth--
      text += ']'
    } else if (typeof one === 'object' && one !== null) {
      text += '{'
      depth++
      separator = ''
      for (const [name, member] of Object.entries(one as { readonly [name: string]: Json | undefined })) {
        if (member === undefined) continue
        comma()
        line()
        separator = ''
        text += `${JSON.stringify(name)}:${pretty ? ' ' : ''}`
        write(member)
      }
      depth--
      if (separator !== '') line()
      text += '}'
    } else text += typeof one === 'bigint' ? String(one) : JSON.stringify(one)
    separator = ','
  }
  write(value)
  return text
}
