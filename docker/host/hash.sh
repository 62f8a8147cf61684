#!/usr/bin/env bash
# Leaves "hash name" of each input of a stage in <stage>.inputs, which it writes only if one has changed; the arguments
# are paths such as build/lint, or of a pipeline build/pipelines/<name>/train. Needs git; for train, evaluate and
# register also <stage>.reads, which Python writes (scripts/modelmake/core/inputs.py).
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
cd "$root"
runner=${MODELMAKE_RUNNER:-docker} image=$runner
case $runner in
  docker) image=$(docker/image/image.sh name) ;;
  image) image=$(head -1 /etc/modelmake 2>/dev/null || echo image) ;; # the same receipts as in a container of it
esac
# A stage whose .done file is older than build/asked has not run in this make.
{ mkdir -p build "$(dirname "$1")" && : >build/asked; } 2>/dev/null ||
  die build/ "cannot be written" "check that it belongs to you and that its disk has space"

hash() { git hash-object --stdin; }
listed() { # the name of a file; of a folder, which a table may be, the names of its files
  if [ -d "$1" ]; then find -L "$1" -type f | LC_ALL=C sort; elif [ -f "$1" ]; then printf '%s\n' "$1"; fi
}
files() { # names on standard input
  local names
  names=$(while IFS= read -r name; do listed "$name"; done)
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

inputs() { # of the stage at one path
  case ${1##*/} in
    code) matching '^(scripts/|pipelines/|pipeline\.toml$)' | files ;;
    lint) matching . '^data/' | files ;;
    test) product | files ;;
    owntest) (product && own) | files ;;
    *)
      sed -n 's/^settings //p' "$1.reads"
      (sed -n 's/^file //p' "$1.reads" && own '^tests/') | LC_ALL=C sort -u | files
      tracking=$(tr -d '[:space:]' <<<"${MLFLOW_TRACKING_URI:-}")
      default="embedded .mlflow"
      [ "$runner" != docker ] || default="compose $(project "")"
      tracking=${tracking%/} tracking=${tracking:-$default}
      echo "$(hash <<<"${tracking/*@/}") tracking server" # without the password: a new one is not a new server
      [ "${1##*/}" = train ] || echo "$(hash <<<"${MODELMAKE_RUN_ID:-${MLFLOW_RUN_ID:-}}") RUN_ID"
      ;;
  esac
  echo "$(hash <<<"$image") image"
}

for stage in "$@"; do
  new=$(mktemp "$stage.inputs.XXXXXX") # several containers may do this at once
  inputs "$stage" >"$new"
  if cmp -s "$new" "$stage.inputs"; then
    rm "$new"
  else
    chmod 644 "$new" && mv "$new" "$stage.inputs"
  fi
done
