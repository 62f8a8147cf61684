#!/usr/bin/env bash
# Leaves the code formatted and the fixable lint errors fixed.
# Needs ruff, from the lock.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
cd "$root"
ruff check --fix --exit-zero --quiet --no-cache . # make lint shows what is left
ruff format --no-cache .
