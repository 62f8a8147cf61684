#!/usr/bin/env bash
# Replays the workflow with act, which runs in the pinned image without a network; leaves checkout and receipts in $REPLAY.
# Needs an engine on a unix socket. EVENT, JOB, ACT_REF and ACT_TRACKING choose, ARGS are act's own; exits as the workflow does.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd -P)
replay=${REPLAY:-$root/build/act}
die() { echo "error: $1: $2 ($3)" >&2; exit 2; }
case ${EVENT:=push} in push | pull_request | schedule | workflow_dispatch) ;; *) die "EVENT=$EVENT" "no event of this workflow" "push, pull_request, schedule or workflow_dispatch" ;; esac
case ${ACT_TRACKING:=scratch} in scratch | local) ;; *) die "ACT_TRACKING=$ACT_TRACKING" "unknown" "scratch or local" ;; esac
engine=${DOCKER_HOST:-$(docker context inspect -f '{{.Endpoints.docker.Host}}')}
[[ $engine == unix://* ]] || die act "the engine is at $engine" "act needs an engine on this machine, on a unix socket"
socket=${engine#unix://}
[ "$(uname)" != Darwin ] || socket=/var/run/docker.sock # where Docker Desktop's own machine has it

"$root/docker/checkout.sh" "${ACT_REF:-HEAD}" "$replay"
"$replay/docker/image.sh" build
image=$("$replay/docker/image.sh" name)
server_of=$root
if [ "$ACT_TRACKING" = scratch ]; then
  server_of=$replay
  COMPOSE_PROJECT_NAME+=-act
  export MLFLOW_PORT=0 MLFLOW_WORKERS=1
fi
label="modelmake.act=$COMPOSE_PROJECT_NAME"
toolcache=$(docker volume ls -q --filter name=^act-toolcache$)

# shellcheck disable=SC2329  # called by the trap
discard() { [ "$ACT_TRACKING" = local ] || "$server_of/docker/compose.sh" discard; }
# shellcheck disable=SC2329
sweep() {
  local left volumes
  # Without its container a start that still waits for a healthy server ends at once.
  [ -z "${server:-}" ] || ! kill "$server" 2>/dev/null || { discard; wait "$server" || true; }
  left=$(docker ps -aq --filter "label=$label")
  if [ -n "$left" ]; then
    # shellcheck disable=SC2086  # ids
    volumes=$(docker inspect -f '{{range .Mounts}}{{if eq .Type "volume"}}{{.Name}} {{end}}{{end}}' $left)
    # shellcheck disable=SC2086
    docker rm -f $left >/dev/null && docker volume rm ${volumes//act-toolcache/} >/dev/null 2>&1 || true
  fi
  [ -n "$toolcache" ] || docker volume rm act-toolcache >/dev/null 2>&1 || true
  discard
}
trap sweep EXIT
# act names its containers after the workflow, so an engine can hold one replay at a time.
while docker inspect modelmake-act >/dev/null 2>&1; do
  [ -n "${waiting:-}" ] || echo "waiting for another replay on this engine (docker stop modelmake-act ends it)"
  waiting=1 && sleep 1
done

# Jobs wait for the server themselves (make up), so that it starts while lint and test run.
"$server_of/docker/compose.sh" prepare
"$server_of/docker/compose.sh" ensure >"$replay.server.log" 2>&1 &
server=$!
echo "▸ act · replaying $EVENT of $(git -C "$replay" log -1 --format='%h %s') in ${replay#"$root/"}, MLflow: $ACT_TRACKING"
tracking=(--var MLFLOW_TRACKING_URI=http://mlflow:5000 --env "MODELMAKE_IMAGE_ID=$(docker image inspect -f '{{.Id}}' "$image")")
login=()
if [ "$ACT_TRACKING" = local ] && [ -f "$root/.mlflow/password" ]; then
  MLFLOW_TRACKING_USERNAME=admin MLFLOW_TRACKING_PASSWORD=$(cat "$root/.mlflow/password")
  export MLFLOW_TRACKING_USERNAME MLFLOW_TRACKING_PASSWORD
  login=(-e MLFLOW_TRACKING_USERNAME -e MLFLOW_TRACKING_PASSWORD)
  tracking+=(--secret MLFLOW_TRACKING_USERNAME --secret MLFLOW_TRACKING_PASSWORD)
fi
jobs=(--network "${COMPOSE_PROJECT_NAME}_stages" -P "ubuntu-24.04=$image" --bind
  --container-options "--user $(id -u):$(id -g) --cap-drop ALL --cap-add CHOWN --cap-add DAC_OVERRIDE --tmpfs /tmp:exec --label $label")
# shellcheck disable=SC2086  # ARGS are words
docker run --rm --init --name modelmake-act ${login[@]+"${login[@]}"} --network none --read-only --tmpfs /tmp --cap-drop ALL \
  --security-opt no-new-privileges --user "$(id -u):$(id -g)" --group-add "$(stat -c %g "$socket" 2>/dev/null || echo 0)" \
  -v "$socket:/var/run/docker.sock" -v "$replay:$replay" -w "$replay" "$image" \
  act "$EVENT" --workflows .github/workflows/mlops-pipeline.yml ${JOB:+--job "$JOB"} "${jobs[@]}" "${tracking[@]}" ${ARGS:-} 2>&1 | tee -i "$replay.log" && code=0 || code=$?

[ "$code" != 0 ] || exit 0
grep -h ^error: "$replay.server.log" >&2 || true
failed=$(sed -n 's/.*\[[^/]*\/\([^] ]*\) *\].*Failure - Main \(make [a-z]*\).*/job \1 failed; to see that step alone: \2/p' "$replay.log")
echo "act: ${failed:-the workflow did not run to its end; what act says stands above, and make lint checks the workflow}" >&2
exit "$code"
