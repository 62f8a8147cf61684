#!/usr/bin/env bash
# Runs the tests marked `stack` on the host, because they call make, docker and compose as a user does. CI also runs
# the long ones. Needs an engine and .venv.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
cd "$root"
marks="stack and not long"
! on CI || marks=stack
echo "▸ test-stack · image, compose, server, act ($marks)"
export PATH="$root/.venv/bin:$PATH" PYTEST_ADDOPTS="${MODELMAKE_ARGS:-}"
python -m pytest -m "$marks" --numprocesses=2 --dist=loadscope # they wait more than they compute
