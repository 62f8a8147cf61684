#!/usr/bin/env bash
# Leaves build/$1.inputs: "hash name" for all that stage $1 reads, written only when something changed.
# Needs git, from the Makefile MODELMAKE_RUNNER, and as further words the files of ours that the stage reads.
set -euo pipefail
. "$(dirname "$0")/../docker/lib.sh"
stage=$1 runner=${MODELMAKE_RUNNER:-docker}
shift
reads=("$@")
cd "$root"
tracking=${MLFLOW_TRACKING_URI:-embedded .mlflow}
[ "$runner" != docker ] || tracking=${MLFLOW_TRACKING_URI:-compose $(project "")}

hash() { git hash-object --stdin; }
files() { # names on standard input
  local names
  names=$(while IFS= read -r name; do [ -f "$name" ] && printf '%s\n' "$name" || true; done)
  [ -z "$names" ] || paste -d ' ' <(git hash-object --no-filters --stdin-paths <<<"$names") - <<<"$names"
}
# The tables of pipeline.toml that shape a stage, without comments: [gate] and [registry] do not shape a model.
settings() {
  awk -v leave="$1" 'NR == 1 { sub(/^\xef\xbb\xbf/, "") } /^[ \t]*(#|$)/ { next }
    name == "" && /^[ \t]*[a-z]+[ \t]*[.=]/ { key = $0; gsub(/^[ \t]*|[ \t]*[.=].*/, "", key); if (key ~ leave) next }
    /^[ \t]*\[[ \t]*[a-z]/ { name = $0; gsub(/[][ \t]|#.*/, "", name); sub(/\..*/, "", name); skip = name ~ leave }
    !skip' pipeline.toml 2>/dev/null | hash
}
text() { awk -v table="$1" -v key="$2" -f scripts/toml.awk pipeline.toml 2>/dev/null || true; }
everything() {
  git -c core.quotepath=off ls-files --cached --others --exclude-standard 2>/dev/null ||
    find . -type f -not -path './.*' -not -path './build/*' | sed 's,^\./,,'
}
# The user's Python, of which the estimator may be: all outside of the house's folders, and the file that it names.
own() {
  local module
  module=$(text model estimator | sed 's/\.[^.]*$//; s,\.,/,g')
  { everything | grep '\.py$' | grep -vE '^(scripts|tests|docker)/' && true; printf '%s\n' "$module.py" "$module/__init__.py"; } | sort -u
}

list() {
  case $stage in
    lint) everything | grep -v '^data/' | files ;;
    test) everything | grep -vE '^(data/|docs/|pipeline\.toml|[A-Z]+\.md$)' | grep -v '^LICENSE' | files ;;
    train) echo "$(settings '^(gate|registry)$') pipeline.toml[seed, data, model]" ;;
    evaluate) echo "$(settings '^registry$') pipeline.toml[seed, data, model, gate]" ;;
    register) echo "$(settings '^$') pipeline.toml" ;;
  esac
  case $stage in
    train | evaluate | register)
      text data path | files
      printf '%s\n' "${reads[@]}" | files
      echo docker/requirements.txt | files
      echo "$(hash <<<"${tracking/*@/}") tracking server" # a new password is no new server
      case $stage in train) own | files ;; *) echo "$(hash <<<"${MODELMAKE_RUN_ID:-${MLFLOW_RUN_ID:-}}") RUN_ID" ;; esac
      ;;
  esac
  [ "$runner" != docker ] || runner=$(docker/image.sh name)
  echo "$(hash <<<"$runner") image"
}

mkdir -p build
list >"build/$stage.inputs.$$"
if cmp -s "build/$stage.inputs.$$" "build/$stage.inputs"; then
  rm "build/$stage.inputs.$$"
else
  mv "build/$stage.inputs.$$" "build/$stage.inputs"
fi
