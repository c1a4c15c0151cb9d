#!/usr/bin/env node
import { connectKernel, runRemotely } from './daemon/client.js'
import { routeOf } from './daemon/route.js'

// A command for a kernel that is up is sent there as it was typed, with nothing else loaded: that is a third of the time.
const argv = process.argv.slice(2)
const route = routeOf(argv, process.env)
const connected = route.onKernel && route.kernel === 'embedded' ? await connectKernel() : undefined
if (connected !== undefined && 'socket' in connected) {
  process.exitCode = await runRemotely(connected.socket, argv, route.kernel)
} else {
  if (connected !== undefined && connected.refused !== 'no kernel is up') {
    process.stderr.write(`skep: a fresh kernel is used: ${connected.refused}\n`)
  }
  const [{ runCli }, { tierUpEarly }] = await Promise.all([import('./program.js'), import('./tier-up-early.js')])
  tierUpEarly()
  process.exitCode = await runCli(argv)
}
