import { VERSION } from '../../version.js'

/** The version of bpftool whose grammar and output these are. */
const BPFTOOL = '7.1.0'

/** What `bpftool version` prints; in the place of libbpf's version our own. */
export function versionText(): string {
  return `bpftool v${BPFTOOL}\nusing skep v${VERSION}\nfeatures: libbpf_strict\n`
}

export function versionJson(): object {
  return {
    version: BPFTOOL,
    skep_version: VERSION,
    libbpf_version: '1.1',
    features: { libbfd: false, libbpf_strict: true, skeletons: false },
  }
}
