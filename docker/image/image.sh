#!/usr/bin/env bash
# `name` prints the image's name, whose tag is a hash of its inputs. `ready` prints it only if the image exists.
# `build` pulls the image, or builds it (and pushes it in CI). Needs docker with buildx. If the pinned base can't be
# pulled, it builds on the base of docker/image/base.sh, and the tag ends in -debian.
set -euo pipefail
. "${0%/*}/../lib.sh"
cd "$root/docker/image"
# If this repository is on GitHub, the image is in GitHub's registry by the same name.
origin=$(git remote get-url origin 2>/dev/null || true)
origin=${origin%/} origin=${origin%.git}
github='^(ssh://|https?://)?([^@/]*@)?github\.com[:/]([^/:]+/[^/]+)$'
if [[ $origin =~ $github ]]; then origin=ghcr.io/${BASH_REMATCH[3]}; else origin=; fi
repository=${MODELMAKE_IMAGE_REPO:-${origin:-modelmake}}
[[ $repository != *[A-Z]* ]] || repository=$(tr '[:upper:]' '[:lower:]' <<<"$repository")
inputs=$(git hash-object --no-filters Dockerfile ../requirements.txt venv.sh warm.py && uname -m)
hash=$(git hash-object --stdin <<<"$inputs")
pinned="$repository:${hash:0:12}"
debian="$pinned-debian"
tags=$(docker image inspect -f '{{join .RepoTags "\n"}}' "$pinned" "$debian" 2>/dev/null || true)
existing=
for tag in "$debian" "$pinned"; do [[ $'\n'$tags$'\n' != *$'\n'"$tag"$'\n'* ]] || existing=$tag; done
done_with() { docker tag "$1" modelmake:latest && exit; } # .actrc uses this name

[ "$1" = name ] && echo "${existing:-$pinned}" && exit
if [ -n "$existing" ]; then
  [ "$1" = build ] || echo "$existing"
  [[ $'\n'$tags$'\n' != *$'\nmodelmake:latest\n'* ]] || exit 0
  done_with "$existing"
fi
[ "$1" = build ] || exit 0

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
registry=
[[ ! $repository =~ ^([^/]*[.:][^/]*|localhost)/ ]] || registry=${BASH_REMATCH[1]}
# Credentials stay in a temporary folder. Only GitHub's registry gets GITHUB_TOKEN.
hub=(docker)
login() {
  local user=${REGISTRY_USERNAME:-} password=${REGISTRY_PASSWORD:-}
  if [ "$registry" = ghcr.io ] && [ "${GITHUB_ACTIONS:-}" = true ]; then
    user=${user:-${GITHUB_ACTOR:-}} password=${password:-${GITHUB_TOKEN:-}}
  fi
  [ -n "$password" ] || return 0
  # The user's configuration, which may select a context, does not apply here: DOCKER_HOST names the engine.
  local engine
  engine=$(docker context inspect -f '{{.Endpoints.docker.Host}}')
  hub=(env -u DOCKER_CONTEXT "DOCKER_HOST=$engine" docker --config "$scratch")
  "${hub[@]}" login "$registry" --username "$user" --password-stdin <<<"$password" >/dev/null 2>"$scratch/log" ||
    echo "image: $registry refuses the login: $(tail -1 "$scratch/log")" >&2
}
pull() { "${hub[@]}" pull -q "$1" >/dev/null 2>"$scratch/log"; }
push() {
  echo "▸ image · pushing $1" >&2
  "${hub[@]}" push -q "$1" >/dev/null 2>"$scratch/log" ||
    echo "image: not pushed; this is not an error: $(tail -1 "$scratch/log")" >&2
}

if [ -n "$registry" ]; then
  login
  echo "▸ image · pulling $pinned" >&2
  pull "$pinned" && done_with "$pinned"
  pull "$debian" && done_with "$debian"
  echo "image: not in the registry; building it: $(tail -1 "$scratch/log")" >&2
fi
docker buildx version >/dev/null 2>&1 || die docker "no buildx plugin" "install docker-buildx, or: make engine"
base=$(sed -n 's/^ARG BASE=//p' Dockerfile)
name=$pinned
if ! docker image inspect "$base" >/dev/null 2>&1 && ! docker pull -q "$base" >/dev/null 2>&1; then
  echo "▸ image · the pinned base can't be pulled; building from Debian packages instead" >&2
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
echo "▸ image · building $name (one or two minutes, once for each lock)" >&2
exec 3>"$scratch/log"
[ ! -t 2 ] || exec 3>&2
docker buildx build --load "${options[@]}" -f Dockerfile -t "$name" "$root" >&3 2>&3 || {
  grep -vE '^(#[0-9]+ )?(DONE|CACHED)' "$scratch/log" | tail -20 >&2
  die image "the build failed" "see above; behind a proxy or a company CA, set HTTPS_PROXY and SSL_CERT_FILE"
}
[ -z "$registry" ] || ! on CI || push "$name"
done_with "$name"
