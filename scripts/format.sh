#!/usr/bin/env bash
# Leaves the code formatted and the fixable lint errors fixed.
# Needs ruff, from the lock.
set -euo pipefail
ruff check --fix --no-cache .
ruff format --no-cache .
