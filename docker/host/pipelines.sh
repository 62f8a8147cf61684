#!/usr/bin/env bash
# Runs train, evaluate and register of each pipeline, goes on after one that fails, prints a line for each, and exits
# with the worst exit code. Needs as arguments these stages in one word, and the prefix of a stage ($(RUN)).
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
cd "$root"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
rank() { case $1 in 0) echo 0 ;; 3) echo 1 ;; 2) echo 2 ;; 4) echo 3 ;; *) echo 4 ;; esac; } # a refusal is the mildest
# shellcheck disable=SC2206  # words
stages=(env -u MLFLOW_RUN_ID -u MODELMAKE_RUN_ID -u MODELMAKE_ARGS make $1)
shift

files=$("$@" python -m modelmake pipelines | sed 's/ .*//')
results=() worst=0
for file in $files; do
  echo "▸ $file"
  code=0
  { MODELMAKE_PIPELINE=$file "${stages[@]}" 2>&1 >&3 | tee "$log" >&2; } 3>&1 || code=$?
  [ "$code" -lt 128 ] || exit "$code" # a signal
  # Make itself always exits with 2; its last line has the exit code of the stage.
  stage=$(sed -n 's/.*\*\*\* \[.*\] Error \([0-9]*\)$/\1/p' "$log" | tail -1)
  [ "$code" = 0 ] || code=${stage:-$code}
  results+=("$file=$code")
  [ "$(rank "$code")" -le "$(rank "$worst")" ] || worst=$code
done
"$@" python -m modelmake pipelines "${results[@]}"
exit "$worst"
