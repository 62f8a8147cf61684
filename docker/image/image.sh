#!/usr/bin/env bash
# `name` prints the image's name, whose tag is a hash of what it is built from, `describe` only once it is here; `build`
# pulls it, or builds (and in CI pushes) it.
# Needs docker with buildx; where the pinned base can't be pulled, builds on docker/image/base.sh's and says so in the tag.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
cd "$root/docker/image"
# Where GitHub has this repository, its registry has the image, by the same name.
origin=$(git remote get-url origin 2>/dev/null | sed -E 's,(\.git)?/?$,,' |
  sed -nE 's,^(ssh://|https?://)?([^@/]*@)?github\.com[:/]([^/:]+/[^/]+)$,ghcr.io/\3,p' || true)
repository=$(tr '[:upper:]' '[:lower:]' <<<"${MODELMAKE_IMAGE_REPO:-${origin:-modelmake}}")
inputs=$(git hash-object --no-filters Dockerfile ../requirements.txt venv.sh warm.py && uname -m)
pinned="$repository:$(git hash-object --stdin <<<"$inputs" | cut -c1-12)"
debian="$pinned-debian"
here() { docker image inspect "$1" >/dev/null 2>&1; }
name() { here "$pinned" || ! here "$debian" && echo "$pinned" || echo "$debian"; }
done_with() { docker tag "$1" modelmake:latest && exit; } # the name that .actrc knows it by

[ "$1" = name ] && name && exit
[ "$1" = describe ] && { here "$(name)" && name || echo "is not built yet"; } && exit
here "$pinned" && done_with "$pinned"
here "$debian" && done_with "$debian"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
registry=
[[ ! $repository =~ ^([^/]*[.:][^/]*|localhost)/ ]] || registry=${BASH_REMATCH[1]}
# Given credentials live in a folder of their own and go with it. GITHUB_TOKEN is shown to GitHub's registry alone.
hub=(docker)
login() {
  local user=${REGISTRY_USERNAME:-} password=${REGISTRY_PASSWORD:-}
  [ "$registry" != ghcr.io ] || [ "${GITHUB_ACTIONS:-}" != true ] || { user=${user:-${GITHUB_ACTOR:-}} && password=${password:-${GITHUB_TOKEN:-}}; }
  [ -n "$password" ] || return 0
  # Without the user's configuration, which may name a context; so the engine is named by its address.
  hub=(env -u DOCKER_CONTEXT "DOCKER_HOST=$(docker context inspect -f '{{.Endpoints.docker.Host}}')" docker --config "$scratch")
  "${hub[@]}" login "$registry" --username "$user" --password-stdin <<<"$password" >/dev/null 2>"$scratch/log" ||
    echo "image: $registry refuses the login: $(tail -1 "$scratch/log")" >&2
}
pull() { "${hub[@]}" pull -q "$1" >/dev/null 2>"$scratch/log"; }
push() {
  echo "▸ image · pushing $1" >&2
  "${hub[@]}" push -q "$1" >/dev/null 2>"$scratch/log" || echo "image: not pushed, and nothing depends on it: $(tail -1 "$scratch/log")" >&2
}

if [ -n "$registry" ]; then
  login
  echo "▸ image · pulling $pinned" >&2
  pull "$pinned" && done_with "$pinned"
  pull "$debian" && done_with "$debian"
  echo "image: not to be had there, so it is built: $(tail -1 "$scratch/log")" >&2
fi
docker buildx version >/dev/null 2>&1 || die docker "no buildx plugin" "install docker-buildx, or: make engine"
base=$(sed -n 's/^ARG BASE=//p' Dockerfile)
name=$pinned
if ! here "$base" && ! docker pull -q "$base" >/dev/null 2>&1; then
  echo "▸ image · the pinned base can't be pulled; building on Debian's own packages instead" >&2
  name=$debian
  base=modelmake-base:trixie
  ./base.sh
fi

options=(--build-arg "BASE=$base" --build-arg "NAME=$name" --label "modelmake.base=$base")
if [ -n "${HTTP_PROXY:-}${HTTPS_PROXY:-}${http_proxy:-}${https_proxy:-}" ]; then
  for proxy in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
    [ -z "${!proxy:-}" ] || options+=(--build-arg "$proxy")
  done
fi
for ca in "${SSL_CERT_FILE:-}" /etc/ssl/certs/ca-certificates.crt; do
  [ -f "$ca" ] && options+=(--secret "id=ca,src=$ca") && break
done
echo "▸ image · building $name (a minute or two, once for each lock)" >&2
progress=plain
[ -t 2 ] && progress=auto
log="$scratch/log" && : >"$log"
if [ $progress = auto ]; then
  docker buildx build --load "${options[@]}" -f Dockerfile -t "$name" "$root"
else
  docker buildx build --load --progress=plain "${options[@]}" -f Dockerfile -t "$name" "$root" >"$log" 2>&1
fi || { grep -vE '^(#[0-9]+ )?(DONE|CACHED)' "$log" | tail -20 >&2; die image "the build failed" "see above; behind a proxy or a company CA, set HTTPS_PROXY and SSL_CERT_FILE"; }
[ -z "$registry" ] || ! on CI || push "$name"
done_with "$name"
