#!/usr/bin/env bash
# The start of modelmake-bundle.run: loads the image, and unpacks the sources into ./modelmake (or $1). No network.
# Needs a Docker engine; make all then also needs make, git and compose.
set -euo pipefail
target=${1:-modelmake}
die() {
  echo "error: $1: $2 ($3)" >&2
  exit 2
}
payload() { sed '1,/^__PAYLOAD__$/d' "$0"; }
[ "$(uname -m)" = @MACHINE@ ] || die bundle "built for @MACHINE@, but this machine is $(uname -m)" \
  "run make bundle on a $(uname -m) machine"
docker version >/dev/null 2>&1 || die docker "no engine answers" "start Docker"
[ ! -e "$target" ] || die "$target" "already exists" "name another folder: $0 DIRECTORY"
echo "▸ checking the checksum"
[ "$(payload | sha256sum | cut -d' ' -f1)" = @SHA256@ ] || die "$0" "the checksum does not match" "copy the file again"
echo "▸ loading @IMAGE@"
payload | tar -xOf - image.tar.gz | docker load
echo "▸ unpacking the sources into $target"
mkdir -p "$target"
payload | tar -xf - -C "$target" --strip-components=1 modelmake
for tool in make git "docker compose"; do
  $tool version >/dev/null 2>&1 || $tool --version >/dev/null 2>&1 || echo "missing: $tool"
done
echo "next: cd $target && make all RUNNER=docker"
exit
