export { type EmbeddedKernel, type EmbeddedOptions, embedded } from './kernel.js'
