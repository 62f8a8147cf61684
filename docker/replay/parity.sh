#!/usr/bin/env bash
# Runs HEAD directly and by `make act`, each with a scratch server, and compares the results, which stay in
# build/parity/. Needs what docker/replay/act.sh needs.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
. "$product/docker/replay/elsewhere.sh"
direct="$root/build/parity/direct"

"$product/docker/replay/checkout.sh" HEAD "$direct"
snapshots "$direct"
make_in "$direct" RUNNER=docker
echo "▸ parity · HEAD, directly"
"${there[@]}" train
"${there[@]}" evaluate register || true # a gate that refuses must refuse in both runs
echo "▸ parity · HEAD, by act"
export MODELMAKE_PIPELINE=${MODELMAKE_PIPELINE:-pipeline.toml}
MODELMAKE_ACT_TRACKING=scratch "$product/docker/replay/act.sh" "$root/build/parity/act" || true
echo "▸ parity"
"$product/docker/run.sh" -- python -m modelmake parity
