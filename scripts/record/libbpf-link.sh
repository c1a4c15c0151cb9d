#!/usr/bin/env bash
# Records what libbpf makes of the fixtures it accepts into test/recorded/object (see libbpf-link.c).
#   scripts/record/libbpf-link.sh PATH-OF-THE-BUILT-RECORDER
# core.o is left out: what becomes of it depends on the kernel it runs on.
set -euo pipefail
recorder=$(realpath "$1")
cd "$(dirname "$0")/../.."
for object in test/fixtures/object/*.o; do
  name=$(basename "$object" .o)
  [ "$name" = core ] && continue
  out=test/recorded/object/$name.jsonl
  if "$recorder" "$object" 2>/dev/null | awk '!/"record":"btf"/ || !seen++' >"$out" && [ -s "$out" ]; then
    echo "$out"
  else
    rm -f "$out"
  fi
done
