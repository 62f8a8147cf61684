#!/usr/bin/env bash
# Runs the tests marked `stack` on the host, since they drive make, docker and compose as a user does; CI runs the long ones too.
# Needs an engine, and .venv.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
cd "$root"
chosen="stack and not long"
! on CI || chosen=stack
echo "▸ test-stack · image, compose, server, act ($chosen)"
PATH="$root/.venv/bin:$PATH" PYTEST_ADDOPTS="${MODELMAKE_ARGS:-}" python -m pytest -m "$chosen" --numprocesses=0
