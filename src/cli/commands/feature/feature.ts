import { Command } from 'commander'
import { UsageError } from '../../../base/index.js'
import { probeFeatures } from '../../../sdk/index.js'
import { chosenKernel, type KernelChoice, kernelOption } from '../../input/kernel-option.js'
import { printJson } from '../../output/json.js'
import { featuresJson, formatFeatures } from './report.js'

interface Options extends KernelChoice {
  readonly helpers: boolean
  readonly json?: boolean
}

/** `skep feature probe` */
export function featureCommand(): Command {
  return new Command('feature').description('find out what a kernel can do').addCommand(
    new Command('probe')
      .description('try program types, map types, helpers, attach types, BTF and instructions, and read sysctls')
      .argument('[words...]', "bpftool's words: kernel (what is asked anyway), full (every helper)")
      .addOption(kernelOption())
      .option('--no-helpers', 'leave out the helpers of each program type')
      .option('--json', "as JSON, with bpftool's keys")
      .action((words: string[], options: Options) => {
        const unknown = words.find((word) => word !== 'kernel' && word !== 'full')
        if (unknown !== undefined) throw new UsageError(`feature probe knows 'kernel' and 'full', not '${unknown}'`)
        using kernel = chosenKernel(options)
        const features = probeFeatures(kernel, { helpers: options.helpers })
        const full = words.includes('full')
        if (options.json === true) printJson(featuresJson(features, { full }))
        else process.stdout.write(formatFeatures(features, { full }))
      }),
  )
}
