export { linux } from './kernel.js'
export { withNetns } from './netns.js'
