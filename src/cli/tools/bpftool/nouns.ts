import { BTF_NOUN } from '../../commands/btf/btf.js'
import { FEATURE_NOUN } from '../../commands/feature/feature.js'
import { LINK_NOUN } from '../../commands/link/link.js'
import { MAP_NOUN } from '../../commands/map/map.js'
import { NET_NOUN } from '../../commands/net/net.js'
import { PROG_NOUN } from '../../commands/prog/prog.js'
import type { Noun } from '../../noun/verb.js'

/** bpftool's objects, in its order: the first whose name begins with what was typed is meant. `needsVerb`: no verb is an error. */
export const NOUNS: readonly (Noun & { readonly needsVerb?: boolean })[] = [
  PROG_NOUN,
  MAP_NOUN,
  LINK_NOUN,
  NET_NOUN,
  FEATURE_NOUN,
  BTF_NOUN,
]
