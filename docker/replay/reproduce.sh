#!/usr/bin/env bash
# Trains and evaluates the commit of a run again, in its image and on a scratch server, and compares the results.
# Needs the commit in this checkout's history, RUN_ID or VERSION, and as arguments the prefix of a stage ($(RUN)).
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
. "$product/docker/replay/elsewhere.sh"
cd "$root"
again="$root/build/reproduce"
origin=$("$@" python -m modelmake origin)
read -r commit repository <<<"$origin"
git -C "$root" cat-file -e "$commit^{commit}" 2>/dev/null ||
  die "commit $commit" "is not in this checkout" "git fetch origin $commit"
"$product/docker/replay/checkout.sh" "$commit" "$again"
if [ -s "$receipts/origin.toml" ]; then # the parameters that a search had found; train checks them
  mkdir -p "$again/$receipts" && cp "$receipts/origin.toml" "$again/$receipts/tuned.toml"
fi
"$@" python -m modelmake table build/reproduce

# Anybody can write the tags of a run, so the image comes only from the registry that this checkout uses.
repository=${repository%:*} ours=$(image_name)
ours=${ours%:*}
case $MODELMAKE_RUNNER/$repository in
  image/* | host/host | "docker/$ours" | docker/modelmake) ;;
  host/*) echo "note: the run used an image of $repository; this is the host" ;;
  docker/host)
    echo "note: the run used the host; this is the image (RUNNER=host uses the host)"
    repository=$ours
    ;;
  *)
    echo "note: the run's image is from $repository, and this one from $ours (IMAGE_REPO=$repository if you trust that)"
    repository=$ours
    ;;
esac

# The Makefile of that commit gets only the runner and the image from this one.
make_in "$again" "RUNNER=$MODELMAKE_RUNNER" "IMAGE_REPO=$repository"
echo "▸ reproduce · $(git -C "$again" log -1 --format='%h %s')"
"${there[@]}" train
# Without the champion of that time the verdict may differ.
"${there[@]}" evaluate || echo "note: the verdict of the gate is not compared"
echo "▸ reproduce"
"$@" python -m modelmake reproduce
