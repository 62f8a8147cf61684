#!/usr/bin/env bash
# Says for each stage named whether `make all` would run it, and because of which input.
# Needs build/<stage>.inputs; compares with the inputs that each receipt holds.
set -euo pipefail
. "$(dirname "$0")/../docker/lib.sh"
cd "$root"

reason() { # why stage $1 would run; nothing if it would not
  local receipt="build/$1.json" hash name
  [ -f "$receipt" ] || { echo "it has not been done yet"; return; }
  while read -r hash name; do
    grep -qF "\"$name\": \"$hash\"" "$receipt" && continue
    grep -qF "\"$name\": " "$receipt" && echo "$name changed" || echo "$name is new"
    return
  done <"build/$1.inputs"
  [ "$(awk '/^  "inputs"/ { on = 1; next } /^  }/ { on = 0 } on' "$receipt" | wc -l)" -le "$(wc -l <"build/$1.inputs")" ] ||
    { echo "an input is gone"; return; }
  [ ! "build/$1.inputs" -nt "$receipt" ] || { grep -q '"verdict": "refuse"' "$receipt" && echo "the gate refused" || echo "an input changed, and changed back"; }
}

upstream=
for stage in "$@"; do
  why=$(reason "$stage")
  case $stage in
    evaluate | register) [ -n "$why" ] || [ -z "$upstream" ] || why="$upstream would run" ;;
  esac
  case $stage in
    train | evaluate | register) [ -z "$why" ] || upstream=$stage ;;
  esac
  printf '%-9s %s\n' "$stage" "${why:+would run: }${why:-up to date}"
done
