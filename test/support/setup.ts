// Loaded before every test file: property tests draw from the run's seed.
import fc from 'fast-check'
import { testSeed } from './seed.js'

fc.configureGlobal({ seed: testSeed })
