#!/usr/bin/env bash
# Resolves the files and groups $2 … in the folder $1, and leaves the lock in its requirements.txt; the versions that it
# has there stay. Needs the package index, and uv, or Python to install the uv version of the present lock.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
cd "$root"
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
cp -R "$1" "$scratch/copy" && cd "$scratch/copy" # uv would read a pyproject.toml above the folder too
"$uv" pip compile -q --no-cache "${@:2}" -o requirements.txt >/dev/null
{
  # docker/shell knows a project's lock by its first line, and `outdated` by the last word what it was made from.
  [ "$MODELMAKE_PRODUCT" = . ] ||
    echo "# modelmake: the lock of this project, written by make lock from that of modelmake, $(product_lock)"
  cat requirements.txt
} >"$root/$1/requirements.txt"
