#!/usr/bin/env bash
# Runs HEAD directly and by `make act`, each with a scratch server, and compares the results, which stay in
# build/parity/. Needs what docker/replay/act.sh needs.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
direct="$root/build/parity/direct"
replay="$root/build/parity/act"
# shellcheck disable=SC2207  # words
here=(env -u MLFLOW_RUN_ID -u MLFLOW_TRACKING_URI make -C "$direct" RUNNER=docker MLFLOW_PORT=0 $(cleared))

"$root/docker/replay/checkout.sh" HEAD "$direct"
snapshots "$direct"
# shellcheck disable=SC2329  # called by the trap
sweep() { # distclean removes the receipts too
  mv "$direct/build" "$direct.build" 2>/dev/null || true
  "${here[@]}" -s distclean >/dev/null 2>&1 || true
  mv "$direct.build" "$direct/build" 2>/dev/null || true
}
trap sweep EXIT
echo "▸ parity · HEAD, directly"
"${here[@]}" train
"${here[@]}" evaluate register || true # a gate that refuses must refuse in both runs
echo "▸ parity · HEAD, by act"
export MODELMAKE_PIPELINE=${MODELMAKE_PIPELINE:-pipeline.toml}
MODELMAKE_ACT_TRACKING=scratch "$root/docker/replay/act.sh" "$replay" || true
echo "▸ parity"
"$root/docker/run.sh" -- python -m modelmake parity
