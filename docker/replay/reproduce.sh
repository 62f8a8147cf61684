#!/usr/bin/env bash
# Trains and evaluates a run's commit once more, in its image and on a scratch server, and compares it with the run.
# Needs the commit in this checkout's history, RUN_ID or VERSION, and as its words what a stage is run by ($(RUN)).
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
cd "$root"
again="$root/build/reproduce"
of_run() { sed -n "s/.*\"modelmake.$1\": \"\([^\"]*\)\".*/\1/p" "$root/build/origin.json"; }

# shellcheck disable=SC2329  # called by the trap
sweep() { # distclean removes the receipts too
  mv "$again/build" "$again.build" 2>/dev/null || true
  "${there[@]}" -s distclean >/dev/null 2>&1 || true
  mv "$again.build" "$again/build" 2>/dev/null || true
}

"$@" python -m scripts origin
commit=$(of_run git.commit)
[[ $commit =~ ^[0-9a-f]+$ ]] || die "run's commit" "'$commit' is none" "it is the run's tag modelmake.git.commit"
git -C "$root" cat-file -e "$commit^{commit}" 2>/dev/null || die "commit $commit" "is not in this checkout" "git fetch origin $commit"
"$root/docker/replay/checkout.sh" "$commit" "$again"

# A run's tags are anybody's words, so they name no registry to take an image from but the one that is known here.
repository=$(of_run image) ours=$("$root/docker/image/image.sh" name)
repository=${repository%:*} ours=${ours%:*}
case $MODELMAKE_RUNNER/$repository in
  image/* | host/host | "docker/$ours" | docker/modelmake) ;;
  host/*) echo "note: the run was made in an image of $repository, this is the host" ;;
  docker/host) echo "note: the run was made on a host, this is the image (RUNNER=host is the other way)" && repository=$ours ;;
  *) echo "note: the run's image is from $repository, and this one from $ours (IMAGE_REPO=$repository if you trust that)" && repository=$ours ;;
esac

# The commit's own Makefile, with nothing of this one's but runner and image.
there=(env -u MLFLOW_RUN_ID -u MLFLOW_TRACKING_URI make -C "$again" "RUNNER=$MODELMAKE_RUNNER" MLFLOW_PORT=0 "IMAGE_REPO=$repository")
for name in ARGS FORCE RUN_ID REASON VERSION; do there+=("$name="); done # this make's own
trap sweep EXIT

data=$("$@" python -m scripts path build/reproduce/pipeline.toml)
case $data in
  /*) [ -f "$data" ] || die "$data" "is gone" "put the data back" ;;
  ?*)
    if [ ! -f "$again/$data" ]; then # not in git
      [ -f "$root/$data" ] || die "$data" "is gone: neither in commit $commit nor here" "put the data back"
      mkdir -p "$(dirname "$again/$data")" && cp "$root/$data" "$again/$data"
    fi
    ;;
esac

echo "▸ reproduce · $(git -C "$again" log -1 --format='%h %s')"
"${there[@]}" train
"${there[@]}" evaluate || echo "the gate's verdict is not what is compared" # without the champion of then it may be another
echo "▸ reproduce"
"$@" python -m scripts reproduce
