#!/usr/bin/env bash
# Leaves "hash name" of each input of each named stage in build/<stage>.inputs, which it writes only if one has changed.
# Needs git; for train, evaluate and register also build/<stage>.reads, which Python writes (scripts/core/inputs.py).
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
cd "$root"
runner=${MODELMAKE_RUNNER:-docker} image=$runner
[ "$runner" != docker ] || image=$(docker/image/image.sh name)
mkdir -p build
: >build/asked # a stage whose .done file is older has not run in this make

hash() { git hash-object --stdin; }
files() { # names on standard input
  local names
  names=$(while IFS= read -r name; do [ ! -f "$name" ] || printf '%s\n' "$name"; done)
  [ -z "$names" ] || paste -d ' ' <(git hash-object --no-filters --stdin-paths <<<"$names") - <<<"$names"
}
everything=$(
  git -c core.quotepath=off ls-files --cached --others --exclude-standard 2>/dev/null ||
    find . -type f -not -path './.*' -not -path './build/*' | sed 's,^\./,,'
)
matching() { { grep -E "$1" <<<"$everything" || true; } | { grep -vE "${2:-^$}" || true; }; }
product() { # the files of modelmake itself
  matching '^(scripts|docker|\.github|\.ci)/|^tests/[a-z]+/|^tests/[a-z_]*conftest\.py$|^[^/]*$' \
    '^pipeline\.toml$|\.md$|^LICENSE$|^[^/]*\.py$'
}
own() { # the Python files of the user
  matching '\.py$' "^(scripts|docker)/|^tests/[a-z]+/|^tests/(conftest|__init__)\.py$|${1:-^$}"
}

inputs() { # of one stage
  case $1 in
    code) matching '^(scripts/|pipeline\.toml$)' | files ;;
    lint) matching . '^data/' | files ;;
    test) product | files ;;
    owntest) (product && own) | files ;;
    *)
      sed -n 's/^settings //p' "build/$1.reads"
      (sed -n 's/^file //p' "build/$1.reads" && own '^tests/') | LC_ALL=C sort -u | files
      tracking=${MLFLOW_TRACKING_URI:-embedded .mlflow}
      [ "$runner" != docker ] || tracking=${MLFLOW_TRACKING_URI:-compose $(project "")}
      echo "$(hash <<<"${tracking/*@/}") tracking server" # without the password: a new one is not a new server
      [ "$1" = train ] || echo "$(hash <<<"${MODELMAKE_RUN_ID:-${MLFLOW_RUN_ID:-}}") RUN_ID"
      ;;
  esac
  echo "$(hash <<<"$image") image"
}

for stage in "$@"; do
  inputs "$stage" >"build/$stage.inputs.$$"
  if cmp -s "build/$stage.inputs.$$" "build/$stage.inputs"; then
    rm "build/$stage.inputs.$$"
  else
    mv "build/$stage.inputs.$$" "build/$stage.inputs"
  fi
done
