#!/usr/bin/env bash
# Replays a workflow with act, in the pinned image without a network; leaves checkout and receipts in $1 (build/act).
# Needs an engine on a unix socket. Reads WORKFLOW, EVENT, JOB, PIPELINE (default: each), ACT_REF, ACT_TRACKING, and
# ARGS for act. Exits as the workflow.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
replay=${1:-$root/build/act}
tracking=${MODELMAKE_ACT_TRACKING:-scratch} workflow=${MODELMAKE_WORKFLOW:-mlops-pipeline}
engine=${DOCKER_HOST:-$(docker context inspect -f '{{.Endpoints.docker.Host}}')}
[[ $engine == unix://* ]] ||
  die act "the engine is at $engine" "act needs an engine on this machine, on a unix socket"
socket=${engine#unix://}
[ "$(uname)" != Darwin ] || socket=/var/run/docker.sock # its path in the virtual machine of Docker Desktop

tested() { # the receipt of the tests, which counts only for the same files, and the type checker's cache
  local name
  mkdir -p "$replay/build"
  on MODELMAKE_FORCE || for name in test.json .mypy; do
    [ ! -e "$root/build/$name" ] || cp -Rp "$root/build/$name" "$replay/build/"
  done
}
"$product/docker/replay/checkout.sh" "${MODELMAKE_ACT_REF:-HEAD}" "$replay"
snapshots "$replay"
tested
[ -f "$replay/.modelmake/Makefile" ] || [ -f "$replay/docker/image/image.sh" ] ||
  die "ACT_REF=${MODELMAKE_ACT_REF:-HEAD}" "no docker/image/image.sh in this commit" "choose a later commit"
of_checkout "$replay" docker/image/image.sh build
image=$(of_checkout "$replay" docker/image/image.sh name)
visible "$image"
modelmake() { # this checkout's, on the files of the replay
  docker run "${sealed[@]}" -v "$product/scripts:/product:ro" -v "$replay:/src:ro" -w /src -e PYTHONPATH=/product \
    -e MODELMAKE_WORKFLOW -e MODELMAKE_EVENT -e MODELMAKE_JOB "$image" python -m modelmake "$@"
}
event=$(modelmake workflow </dev/null) || exit
scratch=act
[ "$tracking" = scratch ] || scratch=
compose=("$product/docker/server/compose.sh")
[ -z "$scratch" ] || compose+=(--scratch "$scratch" --image "$image")
project=$(project "$scratch")
label="modelmake.act=$project"
toolcache=kept # until it is known whether this replay creates that volume

# shellcheck disable=SC2329  # called by the trap
discard() { [ -z "$scratch" ] || "${compose[@]}" discard; }
# shellcheck disable=SC2329
sweep() {
  local volumes containers
  set +e # act removes its containers too, so each may be gone by now
  # A start that still waits for a healthy server ends at once if its container is gone.
  [ -z "${server:-}" ] || ! kill "$server" 2>/dev/null || { discard; wait "$server"; }
  volumes=$(docker ps -a --no-trunc --filter "label=$label" --format '{{.Mounts}}' | tr , '\n' |
    grep ^act- | grep -vx act-toolcache)
  for _ in {1..10}; do
    containers=$(docker ps -aq --filter "label=$label")
    [ -n "$containers" ] || break
    # shellcheck disable=SC2086  # ids
    docker rm -f $containers >/dev/null 2>&1 || sleep 1 # the engine is removing one
  done
  [ -n "$toolcache" ] || volumes+=" act-toolcache"
  # shellcheck disable=SC2086  # names
  docker volume rm $volumes >/dev/null 2>&1
  [ -z "${turn:-}" ] || docker rm -f "$turn" >/dev/null 2>&1
  discard
}
trap sweep EXIT
"${compose[@]}" prepare
image_id=$(docker image inspect -f '{{.Id}}' "$image")
options=(--var MLFLOW_TRACKING_URI=http://mlflow:5000 --env "MODELMAKE_IMAGE_ID=$image_id")
login=()
if [ "$tracking" = local ]; then
  options+=(--env "MODELMAKE_UI=$("${compose[@]}" ensure)")
  if [ -f "$root/.mlflow/password" ]; then
    local_login
    login=(-e MLFLOW_TRACKING_USERNAME -e MLFLOW_TRACKING_PASSWORD)
    options+=(--secret MLFLOW_TRACKING_USERNAME --secret MLFLOW_TRACKING_PASSWORD)
  fi
fi
[ -z "${MODELMAKE_PIPELINE:-}" ] || options+=(--env "MODELMAKE_PIPELINE=$MODELMAKE_PIPELINE")
for file in env secret var input; do options+=("--$file-file" /dev/null); done # GitHub reads no such files
capabilities="--cap-drop ALL --cap-add CHOWN --cap-add DAC_OVERRIDE"
jobs=(--network "${project}_stages" -P "ubuntu-24.04=$image" -P "ubuntu-24.04-arm=$image" --bind
  --container-options "--user $(id -u):$(id -g) $capabilities --tmpfs /tmp:exec --label $label")

# act names its containers after the workflow, so an engine can run one replay at a time. This container is the lock.
# shellcheck disable=SC2086  # ARGS are words
take_turn() {
  docker create --rm --init --name modelmake-act ${login[@]+"${login[@]}"} --network none --tmpfs /tmp \
    "${closed[@]}" "${no_proxies[@]}" \
    --user "$(id -u):$(id -g)" --group-add "$(stat -c %g "$socket" 2>/dev/null || echo 0)" \
    -v "$socket:/var/run/docker.sock" -v "$replay:$replay" -w "$replay" "$image" \
    act "$event" --workflows ".github/workflows/$workflow.yml" ${MODELMAKE_JOB:+--job "$MODELMAKE_JOB"} \
    "${jobs[@]}" "${options[@]}" ${MODELMAKE_ARGS:-}
}
until turn=$(take_turn 2>"$replay.log"); do
  grep -q "is already in use" "$replay.log" || die act "$(tail -1 "$replay.log")" "make doctor"
  [ -n "${waiting:-}" ] || echo "waiting for another replay on this engine (docker rm -f modelmake-act ends it)"
  waiting=1 && sleep 1
done
toolcache=$(docker volume ls -q --filter name=^act-toolcache$)

# The server starts while lint and test run; the jobs wait for it (make up).
"${compose[@]}" ensure >"$replay.server.log" 2>&1 &
server=$!
commit=$(git -C "$replay" log -1 --format='%h %s')
echo "▸ act · replaying $workflow on $event of $commit in ${replay#"$root/"}, MLflow: $tracking"
docker start --attach modelmake-act 2>&1 | tee -i "$replay.log" && code=0 || code=$?

[ "$code" = 0 ] || grep -h ^error: "$replay.server.log" >&2 || true
modelmake replay "$code" <"$replay.log" >&2
exit "$code"
