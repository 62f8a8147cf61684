#!/usr/bin/env bash
# Trains and evaluates the commit of a run again, in its image and on a scratch server, and compares the results.
# Needs the commit in this checkout's history, RUN_ID or VERSION, and as arguments the prefix of a stage ($(RUN)).
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
cd "$root"
again="$root/build/reproduce"
of_run() { sed -n "s/.*\"modelmake.$1\": \"\([^\"]*\)\".*/\1/p" "$root/$receipts/origin.json"; }

# shellcheck disable=SC2329  # called by the trap
sweep() { # distclean removes the receipts too
  mv "$again/build" "$again.build" 2>/dev/null || true
  "${there[@]}" -s distclean >/dev/null 2>&1 || true
  mv "$again.build" "$again/build" 2>/dev/null || true
}

"$@" python -m modelmake origin
commit=$(of_run git.commit)
[[ $commit =~ ^[0-9a-f]+$ ]] || die "run's commit" "'$commit' is not a commit" \
  "see the run's tag modelmake.git.commit"
git -C "$root" cat-file -e "$commit^{commit}" 2>/dev/null ||
  die "commit $commit" "is not in this checkout" "git fetch origin $commit"
"$root/docker/replay/checkout.sh" "$commit" "$again"
if [ -s "$root/$receipts/origin.toml" ]; then # the parameters that a search had found; train checks them
  mkdir -p "$again/$receipts" && cp "$root/$receipts/origin.toml" "$again/$receipts/tuned.toml"
fi

# Anybody can write the tags of a run, so the image comes only from the registry that this checkout uses.
repository=$(of_run image) ours=$("$root/docker/image/image.sh" name)
repository=${repository%:*} ours=${ours%:*}
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
# shellcheck disable=SC2207  # words
there=(env -u MLFLOW_RUN_ID -u MLFLOW_TRACKING_URI
  make -C "$again" "RUNNER=$MODELMAKE_RUNNER" MLFLOW_PORT=0 "IMAGE_REPO=$repository" $(cleared))
trap sweep EXIT

pipeline=${MODELMAKE_PIPELINE:-pipeline.toml}
[ -f "$again/$pipeline" ] || die "$pipeline" "is not in commit $commit" "commit it, then make train FORCE=1: a new run"
data=$("$@" python -m modelmake path "build/reproduce/$pipeline")
case $data in
  /*) [ -e "$data" ] || die "$data" "does not exist any more" "restore the file" ;;
  ?*)
    if [ ! -e "$again/$data" ]; then # not in git
      [ -z "$(of_run snapshot)" ] || "$@" python -m modelmake table "$data" build/reproduce
      [ -e "$again/$data" ] || [ -e "$root/$data" ] ||
        die "$data" "is neither in commit $commit nor in this checkout" "restore the file"
      [ -e "$again/$data" ] || { mkdir -p "$(dirname "$again/$data")" && cp -R "$root/$data" "$again/$data"; }
    fi
    ;;
esac

echo "▸ reproduce · $(git -C "$again" log -1 --format='%h %s')"
"${there[@]}" train
# Without the champion of that time the verdict may differ.
"${there[@]}" evaluate || echo "note: the verdict of the gate is not compared"
echo "▸ reproduce"
"$@" python -m modelmake reproduce
