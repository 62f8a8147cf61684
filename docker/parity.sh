#!/usr/bin/env bash
# Runs HEAD directly and by `make act`, each into a scratch server; leaves what both left under build/parity/, and compares it.
# Needs what docker/act.sh needs.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd -P)
direct="$root/build/parity/direct"
replay="$root/build/parity/act"
here=(env -u MAKEFLAGS -u MAKELEVEL -u ARGS -u FORCE -u RUN_ID -u MLFLOW_RUN_ID -u MLFLOW_TRACKING_URI MLFLOW_PORT=0 make -C "$direct" RUNNER=docker)

"$root/docker/checkout.sh" HEAD "$direct"
# shellcheck disable=SC2329  # called by the trap
sweep() { # distclean removes the receipts too
  mv "$direct/build" "$direct.build" 2>/dev/null || true
  "${here[@]}" -s distclean >/dev/null 2>&1 || true
  mv "$direct.build" "$direct/build" 2>/dev/null || true
}
trap sweep EXIT
echo "▸ parity · HEAD, directly"
"${here[@]}" train
"${here[@]}" evaluate register || true # a gate that refuses has to refuse on both sides
echo "▸ parity · HEAD, by act"
REPLAY=$replay ACT_TRACKING=scratch "$root/docker/act.sh" || true
echo "▸ parity"
"$root/docker/run.sh" sealed python -m scripts parity
