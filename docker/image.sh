#!/usr/bin/env bash
# `name` prints the image's name, whose tag is a hash of what it is built from; `build` makes sure it is there.
# Needs docker with buildx; where the pinned base can't be pulled, builds on docker/base.sh's and says so in the tag.
set -euo pipefail
cd "$(dirname "$0")"
repository=${IMAGE_REPO:-modelmake}
pinned="$repository:$(git hash-object --no-filters Dockerfile requirements.txt venv.sh warm.py | git hash-object --stdin | cut -c1-12)"
debian="$pinned-debian"
die() { echo "error: $1: $2 ($3)" >&2; exit 2; }
here() { docker image inspect "$1" >/dev/null 2>&1; }

name() { here "$pinned" || ! here "$debian" && echo "$pinned" || echo "$debian"; }
[ "$1" = name ] && name && exit
here "$pinned" || here "$debian" && exit
docker buildx version >/dev/null 2>&1 || die docker "no buildx plugin" "install docker-buildx, or: make engine"

base=$(sed -n 's/^ARG BASE=//p' Dockerfile)
name=$pinned
if ! here "$base" && ! docker pull -q "$base" >/dev/null 2>&1; then
  echo "▸ image · the pinned base can't be pulled; building on Debian's own packages instead" >&2
  name=$debian
  base=modelmake-base:trixie
  ./base.sh
fi

options=(--build-arg "BASE=$base" --label "modelmake.base=$base")
for proxy in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
  [ -z "${!proxy:-}" ] || options+=(--build-arg "$proxy")
done
for ca in "${SSL_CERT_FILE:-}" /etc/ssl/certs/ca-certificates.crt; do
  [ -f "$ca" ] && options+=(--secret "id=ca,src=$ca") && break
done
echo "▸ image · building $name (a minute or two, once for each lock)" >&2
progress=plain
[ -t 2 ] && progress=auto
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if [ $progress = auto ]; then
  docker buildx build --load "${options[@]}" -f Dockerfile -t "$name" ..
else
  docker buildx build --load --progress=plain "${options[@]}" -f Dockerfile -t "$name" .. >"$log" 2>&1
fi || { grep -vE '^(#[0-9]+ )?(DONE|CACHED)' "$log" | tail -20 >&2; die image "the build failed" "see above; behind a proxy or a company CA, set HTTPS_PROXY and SSL_CERT_FILE"; }
