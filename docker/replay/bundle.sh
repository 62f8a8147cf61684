#!/usr/bin/env bash
# Leaves build/modelmake-bundle.run, a script that contains the image, the sources at HEAD and the lock, and its
# checksum. Needs an engine and git.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
cd "$root"
target=build/modelmake-bundle.run
scratch=$(mktemp -d)
trap 'rm -rf "$scratch" "$target.part"' EXIT
"$product/docker/replay/checkout.sh" HEAD "$scratch/modelmake"
of_checkout "$scratch/modelmake" docker/image/image.sh build
image=$(of_checkout "$scratch/modelmake" docker/image/image.sh name)
echo "▸ bundle · saving $image (half a minute)"
docker save "$image" | gzip -1 >"$scratch/image.tar.gz"
tar -C "$scratch" -cf "$scratch/payload" image.tar.gz modelmake

mkdir -p build
checksum=$(sha256sum <"$scratch/payload" | cut -d' ' -f1)
sed -e "s/@MACHINE@/$(uname -m)/" -e "s/@IMAGE@/$image/" -e "s/@SHA256@/$checksum/" \
  "$product/docker/replay/unbundle.sh" >"$target.part"
echo __PAYLOAD__ >>"$target.part"
cat "$scratch/payload" >>"$target.part"
chmod +x "$target.part"
mv "$target.part" "$target"
(cd build && sha256sum modelmake-bundle.run >modelmake-bundle.run.sha256)
du -h "$target"
