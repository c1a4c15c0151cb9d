import { BTF_NOUN } from '../../commands/btf/btf.js'
import { CGROUP_NOUN } from '../../commands/cgroup/cgroup.js'
import { FEATURE_NOUN } from '../../commands/feature/feature.js'
import { GEN_NOUN } from '../../commands/gen/gen.js'
import { ITER_NOUN } from '../../commands/iter/iter.js'
import { LINK_NOUN } from '../../commands/link/link.js'
import { MAP_NOUN } from '../../commands/map/map.js'
import { NET_NOUN } from '../../commands/net/net.js'
import { PERF_NOUN } from '../../commands/perf/perf-noun.js'
import { PROG_NOUN } from '../../commands/prog/prog.js'
import { STRUCT_OPS_NOUN } from '../../commands/struct-ops/struct-ops.js'
import type { Noun } from '../../noun/verb.js'

/** bpftool's objects, in its order: the first whose name begins with what was typed is meant. */
export const NOUNS: readonly Noun[] = [
  PROG_NOUN,
  MAP_NOUN,
  LINK_NOUN,
  CGROUP_NOUN,
  PERF_NOUN,
  NET_NOUN,
  FEATURE_NOUN,
  BTF_NOUN,
  GEN_NOUN,
  STRUCT_OPS_NOUN,
  ITER_NOUN,
]
