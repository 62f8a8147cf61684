#!/usr/bin/env bash
# Leaves the image modelmake-base:trixie, a substitute for the pinned Python image, built from packages of the same
# Debian release. Needs root or user namespaces, and mmdebstrap (which it installs if it runs as root).
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
name=modelmake-base:trixie
docker image inspect "$name" >/dev/null 2>&1 && ! on MODELMAKE_FORCE && exit

install_mmdebstrap() { [ "$(id -u)" = 0 ] && apt-get install -qqy --no-install-recommends mmdebstrap >/dev/null 2>&1; }
command -v mmdebstrap >/dev/null || install_mmdebstrap ||
  die base "mmdebstrap is not installed" \
    "on Debian and Ubuntu: apt-get install mmdebstrap; elsewhere let docker pull the pinned image"
echo "▸ base · building $name from Debian packages (half a minute)" >&2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
exclude=()
for folder in doc man locale info; do exclude+=("--dpkgopt=path-exclude=/usr/share/$folder/*"); done
mmdebstrap --quiet --variant=minbase --include=python3,python3-venv,ca-certificates "${exclude[@]}" \
  trixie "$scratch/base.tar" >"$scratch/log" 2>&1 ||
  die base "$(grep -m1 ^E: "$scratch/log" || tail -1 "$scratch/log")" \
    "check the connection to Debian's package mirror, or let docker pull the pinned image"
path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
docker import -c "ENV PATH=$path" "$scratch/base.tar" "$name" >/dev/null
