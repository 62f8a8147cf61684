#!/usr/bin/env bash
# Leaves the lock, checked by hash, in the virtual environment $1, which it replaces; further words are options of uv.
# Needs Python 3.11 to 3.13 with venv. uv, which installs the packages, comes from the lock itself.
set -euo pipefail
[ ! -f "$(dirname "$0")/../lib.sh" ] || . "$(dirname "$0")/../lib.sh" # the image's build is clean without it
die() {
  echo "error: $1: $2 ($3)" >&2
  exit 2
}
target=$1 lock=${root:+$root/}$MODELMAKE_LOCK
shift

[ ! -L "$target" ] || rm "$target" # the one of another checkout (docker/replay/elsewhere.sh)
python="" other=""
for candidate in ${MODELMAKE_PYTHON:-python3.13 python3.12 python3.11 python3 python python3.14}; do
  version=$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
  case $version in
    3.11 | 3.12 | 3.13) python=$candidate && break ;;
    *) other=${other:-, only Python $version} ;;
  esac
done
[ -n "$python" ] || die python "no Python 3.11 to 3.13 on the PATH$other" \
  "install one, or name it: make PYTHON=/path/to/python3"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$python" -m venv "$scratch/uv" >"$scratch/log" 2>&1 ||
  die venv "$python cannot create a virtual environment: $(tail -1 "$scratch/log")" \
    "on Debian and Ubuntu: apt-get install python3-venv"
sed -n '/^uv==/,/^ *#/p' "$lock" >"$scratch/uv.txt"
PIP_CERT=${SSL_CERT_FILE:-} "$scratch/uv/bin/pip" install -q --no-cache-dir --require-hashes -r "$scratch/uv.txt" ||
  die pip "cannot install uv" \
    "check the network; behind a proxy or a company CA, set HTTPS_PROXY and SSL_CERT_FILE"

"$scratch/uv/bin/uv" venv -q --clear --python "$python" "$target"
"$scratch/uv/bin/uv" pip install -q --python "$target/bin/python" --require-hashes "${@:---compile-bytecode}" -r "$lock"
cp "$lock" "$target/lock.txt"
