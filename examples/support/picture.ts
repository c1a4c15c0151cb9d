import { writeFileSync } from 'node:fs'

export interface PictureNode {
  readonly id: string
  /** Middle of the box, in units of 10 pixels. */
  readonly x: number
  readonly y: number
  readonly title: string
  readonly lines?: readonly string[]
  readonly colour?: string
}

export interface PictureLink {
  readonly from: string
  readonly to: string
  /** Beside the line, near its two ends and in its middle. */
  readonly fromText?: string
  readonly toText?: string
  readonly text?: string
  /** Packets that went there: the line's width. */
  readonly packets: number
  readonly lost?: boolean
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

/** A network as an SVG: boxes with text, lines as wide as the traffic. */
export function picture(title: string, nodes: readonly PictureNode[], links: readonly PictureLink[]): string {
  const width = Math.max(...nodes.map(({ x }) => x)) * 10 + 130
  const height = Math.max(...nodes.map(({ y }) => y)) * 10 + 80
  const boxHeight = (node: PictureNode): number => 30 + (node.lines?.length ?? 0) * 16
  const parts: string[] = []
  for (const { from, to, fromText, toText, text, packets, lost } of links) {
    const a = nodes.find(({ id }) => id === from) as PictureNode
    const b = nodes.find(({ id }) => id === to) as PictureNode
    const [x1, y1, x2, y2] = [a.x * 10, a.y * 10, b.x * 10, b.y * 10]
    const wide = packets === 0 ? 1 : Math.min(12, 1 + Math.log2(packets + 1))
    const colour = lost === true ? '#c0392b' : '#5d7ea8'
    parts.push(
      `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="${colour}" stroke-width="${wide.toFixed(1)}" opacity="0.75"/>`,
    )
    const place = (share: number, content: string | undefined): void => {
      if (content === undefined) return
      const x = x1 + (x2 - x1) * share
      const y = y1 + (y2 - y1) * share - 10
      parts.push(
        `<text x="${x.toFixed(0)}" y="${y.toFixed(0)}" text-anchor="middle" class="small halo">${escaped(content)}</text>`,
      )
    }
    place(0.36, fromText)
    place(0.5, text)
    place(0.66, toText)
  }
  for (const node of nodes) {
    const high = boxHeight(node)
    const [left, top] = [node.x * 10 - 90, node.y * 10 - high / 2]
    parts.push(
      `<rect x="${left}" y="${top}" width="180" height="${high}" rx="8" fill="${node.colour ?? '#eef3f9'}" stroke="#34495e"/>`,
    )
    parts.push(
      `<text x="${node.x * 10}" y="${top + 20}" text-anchor="middle" class="title">${escaped(node.title)}</text>`,
    )
    node.lines?.forEach((line, index) => {
      parts.push(
        `<text x="${node.x * 10}" y="${top + 37 + index * 16}" text-anchor="middle" class="small">${escaped(line)}</text>`,
      )
    })
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">
<title>${escaped(title)}</title>
<style>text{font-family:sans-serif;fill:#1b2733}.title{font-size:14px;font-weight:bold}.small{font-size:12px}.halo{paint-order:stroke;stroke:#fff;stroke-width:4px}.head{font-size:17px;font-weight:bold}</style>
<rect width="100%" height="100%" fill="#fff"/>
<text x="20" y="28" class="head">${escaped(title)}</text>
${parts.join('\n')}
</svg>
`
}

/** Writes the picture where `--picture FILE` says; nothing without it. */
export function savePicture(svg: string): void {
  const at = process.argv.indexOf('--picture')
  const file = at < 0 ? undefined : process.argv[at + 1]
  if (file === undefined) return
  writeFileSync(file, svg)
  console.log(`picture: ${file}`)
}
