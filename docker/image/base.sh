#!/usr/bin/env bash
# Leaves the image modelmake-base:trixie, a stand-in for the pinned Python image made of the same Debian's
# packages. Needs root or user namespaces, and mmdebstrap (which it installs when it may).
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
name=modelmake-base:trixie
docker image inspect "$name" >/dev/null 2>&1 && ! on MODELMAKE_FORCE && exit

command -v mmdebstrap >/dev/null || { [ "$(id -u)" = 0 ] && apt-get install -qqy --no-install-recommends mmdebstrap >/dev/null 2>&1; } ||
  die base "no mmdebstrap here" "on Debian and Ubuntu: apt-get install mmdebstrap; elsewhere let docker pull the pinned image"
echo "▸ base · building $name from Debian packages (half a minute)" >&2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
exclude=()
for folder in doc man locale info; do exclude+=("--dpkgopt=path-exclude=/usr/share/$folder/*"); done
mmdebstrap --quiet --variant=minbase --include=python3,python3-venv,ca-certificates "${exclude[@]}" trixie "$scratch/base.tar" \
  >"$scratch/log" 2>&1 || die base "$(grep -m1 ^E: "$scratch/log" || tail -1 "$scratch/log")" "is Debian's package mirror within reach? the pinned image is the other way"
docker import -c 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' "$scratch/base.tar" "$name" >/dev/null
