import type { Env } from '../env.js'
import { NOT_INIT } from '../state/reg.js'

/** The register is read: it must hold something. */
export function readReg(env: Env, regno: number): void {
  env.scratch(regno)
  if (env.reg(regno).type === 'not_init') env.refuse(`R${regno} !read_ok`, 'EACCES')
}

/** The register is about to be written. */
export function writeReg(env: Env, regno: number): void {
  if (regno === 10) env.refuse('frame pointer is read only', 'EACCES')
  env.scratch(regno)
}

/** After a call r1-r5 hold nothing. */
export function forgetArguments(env: Env): void {
  for (let reg = 0; reg <= 5; reg++) {
    env.regs[reg] = NOT_INIT
    env.scratch(reg)
  }
}
