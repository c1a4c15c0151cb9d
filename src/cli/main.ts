#!/usr/bin/env node
import { runCli } from './program.js'
import { tierUpEarly } from './tier-up-early.js'

tierUpEarly()

process.exitCode = await runCli(process.argv.slice(2))
