#!/usr/bin/env bash
# `name` prints the image's name, whose tag is a hash of its inputs. `ready` prints it only if the image exists.
# `build` pulls the image, or builds it (and pushes it in CI). Needs docker with buildx. If the pinned base can't be
# pulled, it builds on the base of docker/image/base.sh, and the tag ends in -debian. Of a release, `attest` builds and
# pushes an image by digest, and prints name and digest; `index NAME IMAGE …` gives those of all processors one name.
set -euo pipefail
. "${0%/*}/../lib.sh"
cd "$product/docker/image"
# If this repository is on GitHub, the image is in GitHub's registry by the same name.
origin=$(git -C "$root" remote get-url origin 2>/dev/null || true)
origin=${origin%/} origin=${origin%.git}
github='^(ssh://|https?://)?([^@/]*@)?github\.com[:/]([^/:]+/[^/]+)$'
if [[ $origin =~ $github ]]; then origin=ghcr.io/${BASH_REMATCH[3]}; else origin=; fi
repository=${MODELMAKE_IMAGE_REPO:-${origin:-modelmake}}
[[ $repository != *[A-Z]* ]] || repository=$(tr '[:upper:]' '[:lower:]' <<<"$repository")
files=(Dockerfile "$root/$MODELMAKE_LOCK" venv.sh warm.py) apt=/dev/null
# The system packages of a project.
[ "$MODELMAKE_PRODUCT" = . ] || [ ! -f "$root/apt.txt" ] || apt=$root/apt.txt
[ "$apt" = /dev/null ] || files+=("$apt")
inputs=$(git hash-object --no-filters "${files[@]}" && uname -m)
hash=$(git hash-object --stdin <<<"$inputs")
pinned="$repository:${hash:0:12}"
debian="$pinned-debian"
tags=$(docker image inspect -f '{{join .RepoTags "\n"}}' "$pinned" "$debian" 2>/dev/null || true)
existing=
for tag in "$debian" "$pinned"; do [[ $'\n'$tags$'\n' != *$'\n'"$tag"$'\n'* ]] || existing=$tag; done
done_with() { docker tag "$1" modelmake:latest && exit; } # .actrc uses this name

[ "$1" = name ] && echo "${existing:-$pinned}" && exit
if [ -n "$existing" ] && [[ $1 == build || $1 == ready ]]; then
  [ "$1" = build ] || echo "$existing"
  [[ $'\n'$tags$'\n' != *$'\nmodelmake:latest\n'* ]] || exit 0
  done_with "$existing"
fi
[ "$1" != ready ] || exit 0

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
. ./registry.sh
[ -z "$registry" ] || login
[ "$1" != index ] || { index "${@:2}" && exit; }
if [ -n "$registry" ] && [ "$1" = build ]; then
  echo "▸ image · pulling $pinned" >&2
  pull "$pinned" && done_with "$pinned"
  pull "$debian" && done_with "$debian"
  echo "image: not in the registry; building it: $(tail -1 "$scratch/log")" >&2
fi
docker buildx version >/dev/null 2>&1 || die docker "no buildx plugin" "install docker-buildx, or: make engine"
base=$(stage pinned)
name=$pinned
if ! docker image inspect "$base" >/dev/null 2>&1 && ! docker pull -q "$base" >/dev/null 2>&1; then
  [ "$1" = build ] || die image "the pinned base can't be pulled" "a release needs it"
  echo "▸ image · the pinned base can't be pulled; building from Debian packages instead" >&2
  name=$debian
  base=modelmake-base:trixie
  ./base.sh
fi

packages=$(system_packages | tr '\n' ' ')
mkdir "$scratch/context" && cp venv.sh warm.py "$scratch/context"
cp "$root/$MODELMAKE_LOCK" "$scratch/context/requirements.txt"
options=(--build-arg "APT=$packages" --build-arg "BASE=$base" --build-arg "NAME=$name" --label "modelmake.base=$base")
if [ -n "${HTTP_PROXY:-}${HTTPS_PROXY:-}${http_proxy:-}${https_proxy:-}" ]; then
  for proxy in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
    [ -z "${!proxy:-}" ] || options+=(--build-arg "$proxy")
  done
fi
for ca in "${SSL_CERT_FILE:-}" /etc/ssl/certs/ca-certificates.crt; do
  [ -f "$ca" ] && options+=(--secret "id=ca,src=$ca") && break
done
if [ "$1" = attest ]; then
  image=$(attest "${options[@]}" -f Dockerfile "$scratch/context")
  "${hub[@]}" pull -q "$image" >/dev/null && docker tag "$image" "$name" && echo "$name $image"
  exit
fi
echo "▸ image · building $name (one or two minutes, once for each lock)" >&2
exec 3>"$scratch/log"
[ ! -t 2 ] || exec 3>&2
docker buildx build --load "${options[@]}" -f Dockerfile -t "$name" "$scratch/context" >&3 2>&3 || {
  grep -vE '^(#[0-9]+ )?(DONE|CACHED)' "$scratch/log" | tail -20 >&2
  unknown=$(sed -n 's/.*E: Unable to locate package //p' "$scratch/log" | head -1)
  [ -z "$unknown" ] || die apt.txt "no package '$unknown' in Debian" "correct the name"
  die image "the build failed" "see above; behind a proxy or a company CA, set HTTPS_PROXY and SSL_CERT_FILE"
}
[ -z "$registry" ] || ! on CI || push "$name"
done_with "$name"
