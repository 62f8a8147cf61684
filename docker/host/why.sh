#!/usr/bin/env bash
# Leaves build/why, the answer of `make why`: for each stage whether it would run. It hashes what the stages read, and
# asks Python, the one judge (scripts/modelmake/config/why.py), only if something is not as it was judged last.
# Needs git, and as arguments the image, "" if it is not known, and the prefix of a stage ($(RUN)).
set -euo pipefail
. "${0%/*}/../lib.sh"
cd "$root"
runner=${MODELMAKE_RUNNER:-docker} image=$runner
case $runner in
  docker) image=${1:-$(exec "$product/docker/image/image.sh" name)} ;;
  image) image=$(head -1 /etc/modelmake 2>/dev/null || echo image) ;; # the same receipts as in a container of it
esac
shift
tracking=$(tracking_address) default=.mlflow
[ "$runner" != docker ] || default=$(project "")
tracking=${tracking%%[?#]*} tracking=${tracking%/} tracking=${tracking:-$default}
tracking+=${MLFLOW_WORKSPACE:+ workspace $MLFLOW_WORKSPACE}
run=${MODELMAKE_RUN_ID:-${MLFLOW_RUN_ID:-}} run=${run//[[:space:]]/}

unwritable() { die build/ "cannot be written" "check that it belongs to you and that its disk has space"; }
whole() { # writes the text $2 to the file $1, unless it has it; several containers may do this at once
  local new
  [ ! -f "$1" ] || [ "$(<"$1")" != "$2" ] || return 0
  new=$(mktemp "$1.XXXXXX")
  { printf '%s\n' "$2" >"$new"; } 2>/dev/null || unwritable
  chmod 644 "$new" && mv "$new" "$1"
}
listed() { # names on standard input; of a folder, which a table may be, the names of its files
  while IFS= read -r name; do
    if [ -f "$name" ]; then printf '%s\n' "$name"; elif [ -d "$name" ]; then find -L "$name" -type f; fi
  done
}
hashed() { # the facts, and the files whose names Python has written
  local names
  echo "$image (image)"
  echo "${tracking/*@/} (tracking server)" # without the password: a new one is not a new server
  echo "${run:--} (RUN_ID)"
  echo "${CI:-0}${ACT:-} (CI)"
  # A change of .venv is no input, but Python must look at it (scripts/modelmake/core/lock.py).
  { find .venv/lib/python3*/site-packages -maxdepth 1 -name '*.dist-info' 2>/dev/null || true; } | LC_ALL=C sort |
    git hash-object --stdin | sed 's/$/ (.venv)/'
  git hash-object --no-filters build/files | sed 's/$/ (files)/'
  [ ! -f "$receipts/names" ] || names=$(listed <"$receipts/names")
  [ -z "${names:-}" ] || paste -d ' ' <(git hash-object --no-filters --stdin-paths <<<"$names") - <<<"$names"
}
judged() {
  local known=
  [ ! -f "$receipts/why" ] || read -r known <"$receipts/why" || true
  [ "$known" = "$(git hash-object --no-filters "$receipts/hashes")" ]
}

{ mkdir -p "$receipts" && [ -w "$receipts" ]; } 2>/dev/null || unwritable
names=$(git -c core.quotepath=off ls-files --cached --others --exclude-standard 2>/dev/null ||
  find . -type f -not -path './.*' -not -path './build/*' | sed 's,^\./,,')
whole build/files "$(grep -v '^\.modelmake\(/\|$\)' <<<"$names" | LC_ALL=C sort)"
for _ in 1 2 3; do # Python may name other files, which must be hashed first
  text=$(hashed | LC_ALL=C sort -k2)
  whole "$receipts/hashes" "$text"
  judged && exit
  "$@" python -m modelmake why
  judged && exit
done
die "$receipts" "the files change while make looks at them" "run make again"
