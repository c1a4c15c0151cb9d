export { linux } from './kernel.js'
