import { BpfMap, PerfBuffer } from '../../../sdk/index.js'
import { bpf_map_type } from '../../../spec/index.js'
import { CommandError } from '../../noun/command-error.js'
import { oneNamed } from '../../noun/objects.js'
import type { VerbContext } from '../../noun/verb.js'
import { jsonText } from '../../output/json-text.js'
import { hexList, spaced } from './bytes.js'

/** PERF_RECORD_SAMPLE */
const SAMPLE = 9

/** `map event_pipe MAP [cpu N index M]`: events as they come, until Ctrl-C. */
export async function eventPipe(context: VerbContext): Promise<void> {
  const { kernel, words, host, json, pretty } = context
  const { fd, info } = oneNamed(context, 'map')
  if (info.type !== bpf_map_type.BPF_MAP_TYPE_PERF_EVENT_ARRAY) throw new CommandError('map is not a perf event array')
  let cpu: number | undefined
  let index: number | undefined
  while (!words.done) {
    if (words.left < 2) throw words.usage('cpu and index have a number')
    if (words.take('cpu')) cpu = words.number('CPU ID')
    else if (words.take('index')) index = words.number('index')
    else throw words.usage(`'${words.peek()}' is neither cpu nor index`)
  }
  if ((cpu === undefined) !== (index === undefined)) throw words.usage('cpu and index go together')
  if (cpu !== undefined && index !== undefined && cpu !== index) {
    throw new CommandError('events of a CPU are put at the index of its number here', {
      hint: 'give cpu N index N, or neither',
    })
  }
  using map = BpfMap.fromFd(kernel, fd)
  using buffer = new PerfBuffer(map, { timestamps: true })
  const stop = (): void => buffer.close()
  host.signal.addEventListener('abort', stop, { once: true })
  if (json) host.out('[')
  let first = true
  let lost = 0
  const records = buffer.records({ signal: host.signal })
  for (;;) {
    const { value: sample, done } = await host.wait(records.next())
    if (done === true || sample === undefined) break
    if (cpu !== undefined && sample.cpu !== cpu) continue
    if (json) {
      const { cpu: at, data, time } = sample
      const text = jsonText({ type: SAMPLE, cpu: at, index: at, timestamp: time, data: hexList(data) }, pretty)
      host.out(`${first ? '' : ','}${text}`)
    } else {
      const time = sample.time ?? 0n
      const stamp = `${time / 1_000_000_000n}.${String(time % 1_000_000_000n).padStart(9, '0')}`
      host.out(`== @${stamp} CPU: ${sample.cpu} index: ${sample.cpu} =====\n${spaced(sample.data)}\n`)
      if (buffer.lost > lost) host.out(`lost ${buffer.lost - lost} events\n`)
      lost = buffer.lost
    }
    first = false
    await host.drained()
  }
  if (json) host.out(']\n')
}
