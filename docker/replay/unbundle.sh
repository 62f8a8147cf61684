#!/usr/bin/env bash
# The head of modelmake-bundle.run: loads the image, unpacks the sources into ./modelmake (or $1). No network.
# Needs a Docker engine; what follows needs make, git and compose too.
set -euo pipefail
target=${1:-modelmake}
die() { echo "error: $1: $2 ($3)" >&2; exit 2; }
payload() { sed '1,/^__PAYLOAD__$/d' "$0"; }
[ "$(uname -m)" = @MACHINE@ ] || die bundle "made for @MACHINE@, this is $(uname -m)" "make bundle on a machine of this kind"
docker version >/dev/null 2>&1 || die docker "no engine answers" "start it"
[ ! -e "$target" ] || die "$target" "is there already" "another place: $0 DIRECTORY"
echo "▸ checking"
[ "$(payload | sha256sum | cut -d' ' -f1)" = @SHA256@ ] || die "$0" "damaged, its checksum is another" "copy it again"
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
