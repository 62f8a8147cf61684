#!/usr/bin/env bash
# The compose server: up, down, stop, logs, purge; `ensure` starts it only if need be. up and ensure print its URL last.
# prepare makes its networks alone, discard removes a scratch server at once. MLFLOW_PORT=0 is any free port; SCRATCH
# servers have no login. Needs docker with compose, and from the Makefile COMPOSE_PROJECT_NAME.
set -euo pipefail
trap 'exit 143' TERM # between two commands: what the engine was asked for is done before this has ended
cd "$(dirname "$0")/.."
export MODELMAKE_IMAGE=${MODELMAKE_IMAGE:-$(docker/image.sh name)} MODELMAKE_DOORS="" COMPOSE_FILE=compose.yaml
die() { echo "error: $1: $2 ($3)" >&2; exit 2; }
server="$COMPOSE_PROJECT_NAME-mlflow-1" proxy="$COMPOSE_PROJECT_NAME-tls-1"
port=$(docker inspect -f '{{range .HostConfig.PortBindings}}{{(index . 0).HostPort}}{{end}}' "$server" "$proxy" 2>/dev/null | grep -m1 . || true)
export MLFLOW_PORT=${MLFLOW_PORT:-${port:-5000}}
MODELMAKE_USER="$(id -u):$(id -g)" && export MODELMAKE_USER

doors() { # what is in front of the server
  container=$server published=5000 scheme=http
  [ -z "${SCRATCH:-}" ] || return 0
  if [ -f .mlflow/password ]; then MODELMAKE_DOORS+=" auth" COMPOSE_FILE+=":docker/auth.yaml"; fi
  if [ -f .mlflow/tls.key ]; then MODELMAKE_DOORS+=" tls" COMPOSE_FILE+=":docker/tls.yaml" container=$proxy published=5443 scheme=https; fi
}
running() { # this image, with these doors
  [ "$(docker inspect -f '{{.State.Running}} {{.Config.Image}}{{index .Config.Labels "modelmake.doors"}}' "$server" 2>/dev/null)" = \
    "true $MODELMAKE_IMAGE$MODELMAKE_DOORS" ]
}
ready() {
  running && [ "$(docker inspect -f '{{.State.Health.Status}}' "$server")" = healthy ] && [ "$MLFLOW_PORT" = "$port" ] &&
    [ "$(docker inspect -f '{{.State.Running}}' "$container" 2>/dev/null)" = true ]
}
up() {
  docker compose version >/dev/null 2>&1 || die docker "no compose plugin" "install docker-compose-plugin, or: make engine"
  ready && return
  running || docker/state.sh settle || exit # a busy server is not stopped for that
  echo "▸ up · starting MLflow on $scheme://localhost${MLFLOW_PORT/#/:}" | sed 's/:0$/, on any free port/' >&2
  if ! said=$(docker compose up --detach --remove-orphans --wait --wait-timeout 180 --quiet-pull 2>&1); then
    case $said in
      *"port is already allocated"* | *"address already in use"*)
        docker compose rm --force --stop >/dev/null 2>&1 || true
        holder=$(docker ps --filter "publish=$MLFLOW_PORT" --format '{{.Names}}')
        die "port $MLFLOW_PORT" "taken by ${holder:+the container }${holder:-another program}" "MLFLOW_PORT=$((MLFLOW_PORT + 1)) make up"
        ;;
    esac
    docker compose logs --tail 20 >&2 || true
    die compose "$(tail -1 <<<"$said")" "the server's log stands above; make doctor"
  fi
}

[ -z "${AUTH:-}${TLS:-}" ] || [ "$1" != up ] || docker/login.sh
doors
case $1 in
  up | ensure) up && docker port "$container" "$published/tcp" | sed "s/.*:/$scheme:\\/\\/localhost:/;q" ;;
  prepare) docker compose create --quiet-pull >/dev/null 2>&1 ;;
  discard)
    docker rm --force --volumes "$server" >/dev/null 2>&1 || true
    docker network rm "${COMPOSE_PROJECT_NAME}_stages" "${COMPOSE_PROJECT_NAME}_published" >/dev/null 2>&1 || true
    docker volume rm "${COMPOSE_PROJECT_NAME}_mlflow" >/dev/null 2>&1 || true
    ;;
  stop) docker compose stop >/dev/null 2>&1 || true ;;
  down) echo "▸ down · stopping MLflow; runs and models stay" && docker compose --progress quiet down --remove-orphans ;;
  logs) docker compose logs --tail 200 ${FOLLOW:+--follow} ;;
  purge) echo "▸ distclean · removing MLflow with its runs and models" && docker compose --progress quiet down --remove-orphans --volumes ;;
esac
