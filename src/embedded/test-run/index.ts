export { PacketRunner, type PacketRunnerOptions } from './packet-runner.js'
export { testRun } from './test-run.js'
