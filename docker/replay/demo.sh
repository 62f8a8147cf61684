#!/usr/bin/env bash
# Shows in a minute what modelmake is for, in a checkout of its own with servers of its own, all of which it removes.
# Leaves build/demo.txt, build/demo.log with all output, and in the folder OUT the pictures demo.svg and report.svg.
# Needs a checkout with a commit, and as arguments the prefix of a stage ($(RUN)).
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
. "$product/docker/replay/elsewhere.sh"
demo=$root/build/demo log=$root/build/demo.log transcript=$root/build/demo.txt
table=data/renewals.csv pipeline=pipelines/renewals.toml
number=0 steps=$(grep -c '^step "' "$0")

# shellcheck disable=SC2329  # called by the trap
finish() {
  sweep
  cp "$demo/build/${pipeline%.toml}/report.html" "$root/build/demo-report.html" 2>/dev/null || true
  rm -rf "$demo" "$log.part"
}
tell() { echo "$*" | tee -a "$transcript"; }
step() { # what happens, and why
  number=$((number + 1)) title=$1
  [ "$number" = 1 ] || tell ""
  tell "$number of $steps · $title"
}
run() { # words of make; shows for each of the patterns in ${expected[@]} the first text that it matches
  local pattern line code=0
  tell "\$ make $*"
  printf '\n$ make %s\n' "$*" >>"$log"
  : >"$log.part"
  "${there[@]}" "$@" >"$log.part" 2>&1 || code=$?
  cat "$log.part" >>"$log"
  [ "$code" = 0 ] || fail "$code" "$(grep -m1 -E '^error: |\*\*\*' "$log.part" || tail -1 "$log.part")"
  for pattern in "${expected[@]}"; do
    line=$(grep -m1 -oE "$pattern" "$log.part") || fail 1 "make $1 printed no line with '$pattern'"
    tell "  $line"
  done
}
fail() { # exit code, reason
  (die demo "step $number, ${title%.}: ${2#error: }" "build/demo.log has all output") || exit "$1"
}
estimator() { # of the pipeline, in place of the last one
  tell "  estimator = \"$1\"${2:+, $2}"
  sed -e "s/^estimator = .*/estimator = \"$1\"/" -e '/^params = /d' "$demo/$pipeline" >"$demo/part"
  [ -z "${2:-}" ] || sed -i.bak "s/^estimator = .*/&\\
params = { $2 }/" "$demo/part"
  mv "$demo/part" "$demo/$pipeline" && rm -f "$demo/part.bak"
  commit "$1"
}
commit() {
  git -C "$demo" add -A
  git -C "$demo" -c user.name=demo -c user.email=demo@localhost -c commit.gpgsign=false -c core.hooksPath=/dev/null \
    commit -q -m "$1" >>"$log"
}

mkdir -p "$root/build" && : >"$log" && : >"$transcript"
"$product/docker/replay/checkout.sh" worktree "$demo"
rm -rf "$demo/pipelines" && mkdir -p "$demo/data" && cp "$product/examples/yes_no/table.csv" "$demo/$table"
make_in "$demo" "RUNNER=$MODELMAKE_RUNNER" "IMAGE_REPO=${MODELMAKE_IMAGE_REPO:-}" SERVE_PORT="$(next_port 5100)"
trap finish EXIT
echo "▸ demo · nine steps of a minute in all, in a checkout and with servers of its own" | sed "s/nine/$steps/"

step "make looks at a table, and writes a pipeline for it: estimator, rule of the gate, name."
expected=("^read .*" "^rule .*" "^wrote .*")
run new "DATA=$table" TARGET=renewed
commit "A pipeline"
there+=("PIPELINE=$pipeline")

step "A model is trained, judged on rows that were held out, and registered, since it passes the gate."
expected=("^fit .*" "^pass +accuracy .*" "^pass +better than Dummy .*]" "^version 1 .*")
run train evaluate register

step "A person puts it into production: the version becomes the champion."
expected=("^version 1 .* is the champion")
run promote

step "A server answers requests with the champion. Example rows and faulty ones check its answers."
expected=("^▸ serve .*of [a-z/.]+")
run serve
expected=("^▸ smoke .*of [a-z]+" "^ok +golden rows as dataframe_records" "^ok +wrong type in months" "^smoke: all .*")
run smoke

step "A worse model is kept out: on the same rows it is significantly worse than the champion."
estimator sklearn.tree.DecisionTreeClassifier "max_depth = 1"
expected=("^keep .*]" "^kept as it is. Not registering")
run train evaluate register

step "A better one is registered and promoted."
estimator sklearn.linear_model.LogisticRegression
expected=("^pass +champion.*]" "^version 2 .*alias.*" "^version 2 .* is the champion.*")
run train evaluate register promote

step "The server has loaded it. Nobody started it again."
for _ in {1..60}; do # it asks once a second
  [[ $("${there[@]}" -s smoke 2>>"$log") != *"version 2 of"* ]] || break
done
expected=("^▸ smoke .*version 2 of [a-z]+" "^smoke: all .*")
run smoke

step "A promotion can be undone, and the history has both."
expected=("^version 1 .* is the champion.*")
run rollback REASON=demo
expected=("rollback +2 +1 +pass" "promote +1 +2 +pass" "promote +none +1 +pass")
run history

step "Version 1 is trained again from its commit: every parameter, metric and prediction is the same."
expected=("^reproduced: all .*predictions")
run reproduce VERSION=1

if [ -n "${MODELMAKE_OUT:-}" ]; then
  mkdir -p "$MODELMAKE_OUT"
  cp "$demo/build/${pipeline%.toml}/report.html" "$root/build/demo-report.html"
  "$@" python -m modelmake recording build/demo.txt build/demo-report.html
  cp "$root/build/demo.svg" "$MODELMAKE_OUT/demo.svg"
  cp "$root/build/demo-report.svg" "$MODELMAKE_OUT/report.svg"
  echo "wrote $MODELMAKE_OUT/demo.svg and $MODELMAKE_OUT/report.svg"
fi
echo
echo "demo: all $steps steps did what they say; the servers are removed, and build/demo-report.html is the last report"
