#!/usr/bin/env bash
# The compose server: up, down, stop, logs, purge, and ensure, which starts it if necessary. up and ensure print its
# URL last; name prints its project. --scratch NAME selects a separate server on any free port, without a login: prepare
# creates its networks, and discard removes it. --image IMAGE and --workers N configure it. Needs docker with compose.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
trap 'exit 143' TERM # bash runs it between two commands, so a command to the engine is never cut short
scratch="" image="" workers=""
while [[ $1 == --* ]]; do
  case $1 in
    --scratch) scratch=$2 ;;
    --image) image=$2 ;;
    --workers) workers=$2 ;;
  esac
  shift 2
done
verb=$1
cd "$root"
case $verb in # Kubernetes sets MLFLOW_PORT to an address if a service is named mlflow
  up | ensure) check MLFLOW_PORT port && only_known_places ;;
  *) is_port "${MLFLOW_PORT:-0}" || unset MLFLOW_PORT ;; # no other verb needs a port
esac

project=$(project "$scratch")
[ "$verb" != name ] || { echo "$project" && exit; }
server="$project-mlflow-1" proxy="$project-tls-1"
port_file=.mlflow/port # the last value of MLFLOW_PORT
bindings='{{range .HostConfig.PortBindings}}{{(index . 0).HostPort}}{{end}}'
port=$(docker inspect -f "$bindings" "$server" "$proxy" 2>/dev/null | grep -m1 . || true)
if [ -n "$scratch" ]; then
  MLFLOW_PORT=0
else
  MLFLOW_PORT=${MLFLOW_PORT:-${port:-$(cat "$port_file" 2>/dev/null || echo 5000)}}
fi

# The variables of compose.yaml.
image=${image:-$(image_name)} doors=""
export MLFLOW_PORT MLFLOW_WORKERS=${workers:-${scratch:+1}} MODELMAKE_IMAGE=$image MODELMAKE_DOORS=""
MODELMAKE_USER="$(id -u):$(id -g)" && export MODELMAKE_USER
files=(-f "$product/compose.yaml")

doors() { # the login and the TLS proxy in front of the server
  container=$server published=5000 scheme=http
  [ -z "$scratch" ] || return 0
  if [ -f .mlflow/password ]; then
    doors+=" auth" files+=(-f "$product/docker/server/auth.yaml")
  fi
  if [ -f .mlflow/tls.key ]; then
    doors+=" tls" files+=(-f "$product/docker/server/tls.yaml")
    container=$proxy published=5443 scheme=https
  fi
  MODELMAKE_DOORS=$doors
}
running() { # this image, with these doors
  local format='{{.State.Running}} {{.Config.Image}}{{index .Config.Labels "modelmake.doors"}}'
  [ "$(docker inspect -f "$format" "$server" 2>/dev/null)" = "true $image$doors" ]
}
ready() {
  running && [ "$MLFLOW_PORT" = "$port" ] &&
    [ "$(docker inspect -f '{{.State.Health.Status}}' "$server")" = healthy ] &&
    [ "$(docker inspect -f '{{.State.Running}}' "$container" 2>/dev/null)" = true ]
}
up() {
  ready && return
  # The tables must fit the image before the server starts; settle stops a server that still runs.
  running || "$product/docker/server/state.sh" ${scratch:+--scratch "$scratch"} settle || exit
  echo "▸ up · starting MLflow on $scheme://localhost${MLFLOW_PORT/#/:}" | sed 's/:0$/, on any free port/' >&2
  compose_up "$MLFLOW_PORT" "make up MLFLOW_PORT" --wait --wait-timeout 180
  [ -n "$scratch" ] || { mkdir -p .mlflow && echo "$MLFLOW_PORT" >"$port_file"; }
}

[ -z "${MODELMAKE_AUTH:-}${MODELMAKE_TLS:-}" ] || [ "$verb" != up ] || "$product/docker/server/login.sh" "$image"
doors
case $verb in
  up | ensure) up && docker port "$container" "$published/tcp" | sed "s/.*:/$scheme:\\/\\/localhost:/;q" ;;
  prepare) compose create --quiet-pull >/dev/null 2>&1 ;;
  discard)
    docker rm --force --volumes "$server" >/dev/null 2>&1 || true
    docker network rm "${project}_stages" "${project}_published" >/dev/null 2>&1 || true
    docker volume rm "${project}_mlflow" >/dev/null 2>&1 || true
    ;;
  stop) compose stop >/dev/null 2>&1 || true ;;
  down) echo "▸ down · stopping MLflow; its runs and models stay" && compose --progress quiet down --remove-orphans ;;
  logs)
    follow=$(on MODELMAKE_FOLLOW && echo --follow || true)
    compose_logs --tail 200 ${follow:+"$follow"}
    ;;
  purge)
    echo "▸ distclean · removing MLflow with its runs and models"
    compose --progress quiet down --remove-orphans --volumes
    ;;
  *) die "compose.sh $verb" "unknown" "up, ensure, down, stop, logs, purge, prepare, discard or name" ;;
esac
