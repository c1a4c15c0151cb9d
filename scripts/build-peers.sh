#!/usr/bin/env bash
# Builds the programs that benchmarks compare with, where their compilers are: bench/peers/*.c with gcc (and libbpf-dev),
# bench/peers/*.go with Debian's golang-github-cilium-ebpf-dev. What cannot be built is left out, and said so.
set -uo pipefail
cd "$(dirname "$0")/.."
out=build/peers
mkdir -p "$out"
CC=${CC:-gcc}
if command -v "$CC" >/dev/null; then
  "$CC" -O2 -o "$out/map-ops-c" bench/peers/map-ops.c || echo "bench/peers/map-ops.c does not build" >&2
  "$CC" -O2 -o "$out/ring-buffer-c" bench/peers/ring-buffer.c -lbpf -lpthread || echo "bench/peers/ring-buffer.c needs libbpf-dev" >&2
  "$CC" -O2 -o "$out/load-c" bench/peers/load.c -lbpf || echo "bench/peers/load.c needs libbpf-dev" >&2
else
  echo "no C compiler: no C peers" >&2
fi
if command -v go >/dev/null; then
  GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE="${GOCACHE:-$PWD/$out/go-cache}" go build -o "$out/map-ops-go" bench/peers/map-ops.go ||
    echo "bench/peers/map-ops.go needs golang-github-cilium-ebpf-dev" >&2
else
  echo "no Go compiler: no Go peer" >&2
fi
exit 0
