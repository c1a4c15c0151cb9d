#!/usr/bin/env bash
# Rebuilds the BPF objects of test/fixtures, bench and examples from their C sources with clang 19.
#   scripts/build-fixtures.sh [path-fragment…]
# Each `// build: OPTIONS` line of a source makes one object with those options after the usual ones
# (-target bpf -O2 -g -mcpu=v3); without such a line there is one object. `-o NAME.o` in the options names it,
# otherwise it is the source's name. Objects are stripped of DWARF (BTF stays), and no path of the machine enters them.
set -euo pipefail
cd "$(dirname "$0")/.."
CLANG=${CLANG:-clang-19}
STRIP=${LLVM_STRIP:-llvm-strip-19}

build() {
  local source=$1 options=$2 output
  output="${source%.c}.o"
  if [[ $options =~ (^|[[:space:]])-o[[:space:]]+([^[:space:]]+) ]]; then
    output="$(dirname "$source")/${BASH_REMATCH[2]}"
    options="${options/-o ${BASH_REMATCH[2]}/}"
  fi
  # shellcheck disable=SC2086
  "$CLANG" -target bpf -mcpu=v3 -O2 -g -Wall -Wno-unused-function -Wno-missing-declarations \
    -fdebug-prefix-map="$PWD=." -fno-ident -I test/fixtures/include -I /usr/include/"$(uname -m)"-linux-gnu \
    $options -c "$source" -o "$output"
  "$STRIP" -g "$output"
  echo "$output"
}

find test/fixtures bench examples -name '*.c' | sort | while read -r source; do
  if [ $# -gt 0 ]; then
    wanted=no
    for fragment in "$@"; do [[ $source == *"$fragment"* ]] && wanted=yes; done
    [ $wanted = yes ] || continue
  fi
  if grep -q '^// build:' "$source"; then
    sed -n 's|^// build:[[:space:]]*||p' "$source" | while read -r options; do build "$source" "$options"; done
  else
    build "$source" ""
  fi
done
