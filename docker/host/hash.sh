#!/usr/bin/env bash
# Leaves "hash name" of each input of stage $1 in build/$1.inputs, which it writes only if an input has changed.
# Needs git; for train, evaluate and register also build/$1.reads, which Python writes (scripts/core/inputs.py).
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
stage=$1 runner=${MODELMAKE_RUNNER:-docker}
cd "$root"
mkdir -p build
: >build/asked # a stage whose .done file is older has not run in this make

hash() { git hash-object --stdin; }
files() { # names on standard input
  local names
  names=$(while IFS= read -r name; do [ ! -f "$name" ] || printf '%s\n' "$name"; done)
  [ -z "$names" ] || paste -d ' ' <(git hash-object --no-filters --stdin-paths <<<"$names") - <<<"$names"
}
everything() {
  git -c core.quotepath=off ls-files --cached --others --exclude-standard 2>/dev/null ||
    find . -type f -not -path './.*' -not -path './build/*' | sed 's,^\./,,'
}
product() { # the files of modelmake itself
  grep -E '^(scripts|docker|\.github|\.ci)/|^tests/[a-z]+/|^tests/[a-z_]*conftest\.py$|^[^/]*$' |
    grep -vE '^pipeline\.toml$|\.md$|^LICENSE$|^[^/]*\.py$'
}
own() { # the Python files of the user
  grep -E '\.py$' | grep -vE '^(scripts|docker)/|^tests/[a-z]+/|^tests/(conftest|__init__)\.py$'
}

list() {
  case $stage in
    code) everything | grep -E '^(scripts/|pipeline\.toml$)' | files ;;
    lint) everything | grep -v '^data/' | files ;;
    test) everything | product | files ;;
    owntest) everything | { product && true; } | files && everything | { own || true; } | files ;;
    *)
      # shellcheck disable=SC2094  # read twice, not written
      sed -n 's/^settings //p' "build/$stage.reads"
      {
        sed -n 's/^file //p' "build/$stage.reads"
        everything | { own | grep -v '^tests/' || true; }
      } | LC_ALL=C sort -u | files
      tracking=${MLFLOW_TRACKING_URI:-embedded .mlflow}
      [ "$runner" != docker ] || tracking=${MLFLOW_TRACKING_URI:-compose $(project "")}
      echo "$(hash <<<"${tracking/*@/}") tracking server" # without the password: a new one is not a new server
      [ "$stage" = train ] || echo "$(hash <<<"${MODELMAKE_RUN_ID:-${MLFLOW_RUN_ID:-}}") RUN_ID"
      ;;
  esac
  [ "$runner" != docker ] || runner=$(docker/image/image.sh name)
  echo "$(hash <<<"$runner") image"
}

list >"build/$stage.inputs.$$"
if cmp -s "build/$stage.inputs.$$" "build/$stage.inputs"; then
  rm "build/$stage.inputs.$$"
else
  mv "build/$stage.inputs.$$" "build/$stage.inputs"
fi
