#!/usr/bin/env bash
# For the release workflow. `image` pushes the image of this processor by digest, and leaves its name and its bundle in
# build/release. `publish` names the images of all processors after VERSION, and makes a release on GitHub from the
# notes and the bundles in build/release. Needs docker with buildx and a registry; `publish` also GitHub's gh.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
cd "$root"
version=${MODELMAKE_VERSION#v}
[ -n "$version" ] || die VERSION "not set" "the workflow release sets it to the tag"
repository=$("$product/docker/image/image.sh" name)
repository=${repository%:*}
[[ $repository == */* ]] || die "IMAGE_REPO=$repository" "no registry" "name one, such as ghcr.io/owner/repository"

image() {
  local machine name
  machine=$(uname -m) name="modelmake-$version-$(uname -m).run"
  mkdir -p build/release
  "$product/docker/image/image.sh" attest >"build/release/$machine.image"
  "$product/docker/replay/bundle.sh"
  mv build/modelmake-bundle.run "build/release/$name"
  rm build/modelmake-bundle.run.sha256
  (cd build/release && sha256sum "$name" >"$name.sha256")
}
publish() {
  local name image images=()
  [ -f build/release/x86_64.image ] && [ -f build/release/aarch64.image ] ||
    die build/release "no images of both processors" "make release-image on each"
  while read -r name image; do
    "$product/docker/image/image.sh" index "$name" "$image" # `make image` pulls it by this name
    images+=("$image")
  done < <(cat build/release/*.image)
  "$product/docker/image/image.sh" index "$repository:$version" "${images[@]}"
  if gh release view "v$version" --repo "$GITHUB_REPOSITORY" >/dev/null 2>&1; then
    echo "release    v$version is there already"
    return
  fi
  gh release create "v$version" --repo "$GITHUB_REPOSITORY" --verify-tag --title "modelmake $version" \
    --notes-file build/release/notes.md build/release/*.run build/release/*.sha256
}
"$1"
