#!/usr/bin/env bash
# Leaves the lock, compiled from pyproject.toml or from the file $1 in its place, in build/requirements.txt; UPGRADE=1
# takes the newest versions. Needs the package index, and uv, or Python to install the uv version of the present lock.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
cd "$root"
project=${1:-pyproject.toml}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
uv=$(command -v uv || true)
if [ -z "$uv" ]; then
  # /opt/venv has no pip, but the Python that created it has.
  "$(python -c 'import sys; print(sys._base_executable)')" -m venv "$scratch/uv"
  sed -n '/^uv==/,/^ *#/p' "$MODELMAKE_LOCK" >"$scratch/uv.txt"
  [ -s "$scratch/uv.txt" ] || die "$MODELMAKE_LOCK" "has no uv, which writes the lock" "git checkout that file"
  PIP_CERT=${SSL_CERT_FILE:-} "$scratch/uv/bin/pip" install -q --no-cache-dir --require-hashes -r "$scratch/uv.txt"
  uv="$scratch/uv/bin/uv"
fi
upgrade=()
! on MODELMAKE_UPGRADE || upgrade=(--upgrade)
echo "▸ lock · resolving $project"
sed '/^managed = false/d' "$project" >"$scratch/pyproject.toml" # the lock names the file
cp "$MODELMAKE_LOCK" "$scratch/requirements.txt"
cd "$scratch"
"$uv" pip compile -q --no-cache pyproject.toml --group dev "${upgrade[@]}" -o requirements.txt >/dev/null
mkdir -p "$root/build"
cp requirements.txt "$root/build/requirements.txt"
