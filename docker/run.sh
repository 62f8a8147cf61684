#!/usr/bin/env bash
# Runs a command in the pinned image: source read-only, build/ writable, the caller's uid, no privileges.
# $1 says what it may reach: sealed (nothing), writable (nothing, but it writes the source), mlflow, outside.
set -euo pipefail
access=$1
shift
root=$(cd "$(dirname "$0")/.." && pwd -P)
export MODELMAKE_IMAGE MODELMAKE_IMAGE_ID
MODELMAKE_IMAGE=$("$root/docker/image.sh" name)
MODELMAKE_IMAGE_ID=$(docker image inspect -f '{{.Id}}' "$MODELMAKE_IMAGE")
mkdir -p "$root/build"
source=ro
[ "$access" != writable ] || source=rw
options=(--rm --init --interactive --read-only --cap-drop ALL --security-opt no-new-privileges
  --user "$(id -u):$(id -g)" --tmpfs /tmp:exec -e USER="${USER:-}" -e WHY_RUNNER
  -v "$root:/src:$source" -v "$root/build:/src/build" -w /src
  -e MODELMAKE_IMAGE_ID)
for name in ARGS CI FORCE REASON RUN_ID UPGRADE VERSION GITHUB_ACTIONS GITHUB_ACTOR GITHUB_API_URL GITHUB_HEAD_REF GITHUB_REF GITHUB_REPOSITORY \
  GITHUB_RUN_ID GITHUB_SERVER_URL GITHUB_SHA MLFLOW_RUN_ID MLFLOW_TRACKING_URI MLFLOW_TRACKING_USERNAME MLFLOW_TRACKING_PASSWORD MLFLOW_TRACKING_TOKEN; do
  [ -z "${!name:-}" ] || options+=(-e "$name")
done
for file in "${GITHUB_OUTPUT:-}" "${GITHUB_STEP_SUMMARY:-}"; do # what a step hands to GitHub
  [ ! -f "$file" ] || options+=(-v "$file:$file")
done
[ -z "${GITHUB_ACTIONS:-}" ] || options+=(-e GITHUB_OUTPUT -e GITHUB_STEP_SUMMARY)
[ -t 0 ] && [ -t 1 ] && options+=(--tty)

# A linked worktree keeps its history elsewhere, and data may lie outside of the checkout.
history=$(git -C "$root" rev-parse --path-format=absolute --git-common-dir 2>/dev/null || true)
case $history in "" | "$root"/*) ;; *) options+=(-v "$history:$history:ro") ;; esac
data=$(awk -v table=data -v key=path -f "$root/scripts/toml.awk" "$root/pipeline.toml" 2>/dev/null || true)
[[ $data != /* ]] || [ ! -f "$data" ] || options+=(-v "$data:$data:ro")
certificate=${MLFLOW_TRACKING_SERVER_CERT_PATH:-} # of a server whose CA nobody else knows
[ ! -f "$certificate" ] || options+=(-v "$(realpath "$certificate"):$certificate:ro" -e MLFLOW_TRACKING_SERVER_CERT_PATH)

# By these the next run can tell which processes are gone (scripts/pipeline/provenance.py).
if [ "$access" = mlflow ]; then
  read -r MODELMAKE_HOST moment < <(docker info -f '{{.ID}} {{.SystemTime}}')
  MODELMAKE_CONTAINER="modelmake-run-$$-$RANDOM"
  MODELMAKE_CONTAINERS="$moment $(docker ps --filter name=^modelmake-run- --format '{{.Names}}' | tr '\n' ' ')"
  export MODELMAKE_HOST MODELMAKE_CONTAINER MODELMAKE_CONTAINERS
  options+=(--name "$MODELMAKE_CONTAINER" -e MODELMAKE_HOST -e MODELMAKE_CONTAINER -e MODELMAKE_CONTAINERS)
fi

case $access in
  sealed | writable) options+=(--network none) ;;
  outside)
    options+=(-e HTTP_PROXY -e HTTPS_PROXY -e NO_PROXY -e GITHUB_TOKEN)
    ca=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}
    [ ! -f "$ca" ] || options+=(-v "$ca:/etc/ssl/certs/ca-certificates.crt:ro" -e SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt)
    ;;
  mlflow)
    address=${MLFLOW_TRACKING_URI:-}
    case ${address/\/\/*@/\/\/} in # without credentials that stand in it
      "")
        url=$("$root/docker/compose.sh" ensure)
        options+=(--network "${COMPOSE_PROJECT_NAME}_stages" -e MLFLOW_TRACKING_URI=http://mlflow:5000 -e MODELMAKE_UI="$url")
        if [ -z "${SCRATCH:-}" ] && [ -f "$root/.mlflow/password" ]; then
          MLFLOW_TRACKING_USERNAME=${MLFLOW_TRACKING_USERNAME:-admin}
          MLFLOW_TRACKING_PASSWORD=${MLFLOW_TRACKING_PASSWORD:-$(cat "$root/.mlflow/password")}
          export MLFLOW_TRACKING_USERNAME MLFLOW_TRACKING_PASSWORD
          options+=(-e MLFLOW_TRACKING_USERNAME -e MLFLOW_TRACKING_PASSWORD)
        fi
        ;;
      http://localhost* | http://127.0.0.1* | https://localhost* | https://127.0.0.1*) options+=(--network host) ;;
      http*) ;;
      *)
        echo "error: MLFLOW_TRACKING_URI: '${address/\/\/*@/\/\/}' is no address that a container can reach (http://…, or RUNNER=host)" >&2
        exit 2
        ;;
    esac
    ;;
esac
exec docker run "${options[@]}" "$MODELMAKE_IMAGE" "$@"
