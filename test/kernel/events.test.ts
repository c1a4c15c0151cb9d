import { embedded } from '#src/embedded/index.js'
import { linuxUnavailable, openLinux } from '../support/kernels.js'
import { eventsSuite } from './events.suite.js'

eventsSuite('embedded', () => embedded(), false)
eventsSuite('linux', openLinux, linuxUnavailable())
