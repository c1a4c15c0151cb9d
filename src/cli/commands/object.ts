import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { type DescribedMap, type DescribedObject, describeObject, openObject } from '../../object/index.js'
import { printJson } from '../output/json.js'
import { formatTable } from '../output/table.js'

/** `skep object show FILE` */
export function objectCommand(): Command {
  return new Command('object').description('look into object files').addCommand(
    new Command('show')
      .description('print the programs, maps, externs and variables of an object')
      .argument('<file...>', 'object files')
      .option('--json', 'as JSON: one object, or an array of several')
      .action((files: string[], options: { json?: boolean }) => {
        const described = files.map((file) => describeObject(openObject(new Uint8Array(readFileSync(file)), { file })))
        if (options.json === true) printJson(described.length === 1 ? described[0] : described)
        else process.stdout.write(described.map(formatObject).join('\n'))
      }),
  )
}

function formatObject(object: DescribedObject): string {
  const parts = [
    `${object.file ?? object.name}  license ${object.license === '' ? '(none)' : object.license}` +
      `${object.version === 0 ? '' : `  version ${object.version}`}  ${object.byteOrder} endian  ${object.btf ? 'BTF' : 'no BTF'}`,
  ]
  if (object.programs.length > 0) {
    parts.push(
      formatTable(
        [
          { head: 'PROGRAM' },
          { head: 'SECTION' },
          { head: 'TYPE' },
          { head: 'ATTACH' },
          { head: 'INSNS', align: 'right' },
          { head: '' },
        ],
        object.programs.map((program) => [
          program.name,
          program.section,
          program.type,
          program.attachTarget ?? program.attachType ?? '',
          String(program.insns),
          [
            program.guessed === undefined ? '' : `guessed: ${program.guessed}`,
            program.sleepable === true ? 'sleepable' : '',
            program.frags === true ? 'frags' : '',
            program.autoload === false ? 'not autoloaded' : '',
            program.problem ?? '',
          ]
            .filter((note) => note !== '')
            .join(', '),
        ]),
      ),
    )
  }
  if (object.maps.length > 0) {
    parts.push(
      formatTable(
        [
          { head: 'MAP' },
          { head: 'TYPE' },
          { head: 'KEY', align: 'right' },
          { head: 'VALUE', align: 'right' },
          { head: 'ENTRIES', align: 'right' },
          { head: 'FLAGS', align: 'right' },
          { head: 'PINNING' },
          { head: 'FROM' },
        ],
        object.maps.flatMap((map) => mapRows(map, '')),
      ),
    )
  }
  if (object.subprograms.length > 0) {
    parts.push(`subprograms: ${object.subprograms.map(({ name, insns }) => `${name} (${insns})`).join(', ')}`)
  }
  if (object.externs.length > 0) {
    parts.push(
      `externs: ${object.externs.map(({ name, kind, weak }) => `${name} (${kind}${weak ? ', weak' : ''})`).join(', ')}`,
    )
  }
  if (object.variables.length > 0) {
    parts.push(
      `variables: ${object.variables.map(({ name, map, size }) => `${name} (${size} bytes in ${map})`).join(', ')}`,
    )
  }
  for (const notice of object.notices) parts.push(`note: ${notice}`)
  return parts.join('\n\n') + '\n'
}

function mapRows(map: DescribedMap, indent: string): string[][] {
  const row = [
    indent + map.name,
    map.type,
    String(map.keySize),
    String(map.valueSize),
    String(map.maxEntries),
    map.flags === 0 ? '' : `0x${map.flags.toString(16)}`,
    map.pinning === 'none' ? '' : map.pinning,
    map.section,
  ]
  return [row, ...(map.inner === undefined ? [] : mapRows(map.inner, `${indent}  inner: `))]
}
