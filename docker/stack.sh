#!/usr/bin/env bash
# Runs the tests marked `stack` on the host, since they drive make, docker and compose as a user does.
# Needs an engine and Python 3.11 to 3.13; without that Python it says so and they are skipped.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! cmp -s docker/requirements.txt .venv/lock.txt; then
  echo "▸ .venv · installing the lock for the stack tests"
  docker/venv.sh .venv || { echo "stack tests skipped: see the line above"; exit 0; }
fi
chosen="stack and not long"
[ -z "${CI:-}" ] || chosen=stack
echo "▸ test · the stack: image, compose, server, act${CI:+; the long ones too}"
PATH="$PWD/.venv/bin:$PATH" PYTEST_ADDOPTS="${ARGS:-}" python -m pytest -m "$chosen" --numprocesses=0
