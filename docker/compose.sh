#!/usr/bin/env bash
# The compose server: up, down, logs, purge; `ensure` starts it only if need be. up and ensure print its URL last.
# prepare makes its networks alone, discard removes a scratch server at once. MLFLOW_PORT=0 is any free port.
# Needs docker with compose, and from the Makefile COMPOSE_PROJECT_NAME.
set -euo pipefail
cd "$(dirname "$0")/.."
export MODELMAKE_IMAGE=${MODELMAKE_IMAGE:-$(docker/image.sh name)}
die() { echo "error: $1: $2 ($3)" >&2; exit 2; }
container="$COMPOSE_PROJECT_NAME-mlflow-1"
port=$(docker inspect -f '{{with index .HostConfig.PortBindings "5000/tcp"}}{{(index . 0).HostPort}}{{end}}' "$container" 2>/dev/null || true)
export MLFLOW_PORT=${MLFLOW_PORT:-${port:-5000}}
url="http://localhost:$MLFLOW_PORT"

ready() {
  [ "$(docker inspect -f '{{.State.Health.Status}} {{.Config.Image}}' "$container" 2>/dev/null)" = "healthy $MODELMAKE_IMAGE" ] &&
    [ "$MLFLOW_PORT" = "$port" ]
}
up() {
  docker compose version >/dev/null 2>&1 || die docker "no compose plugin" "install docker-compose-plugin, or: make engine"
  ready && return
  echo "▸ up · starting MLflow on ${url/%:0/, on any free port}" >&2
  if ! said=$(docker compose up --detach --wait --wait-timeout 180 --quiet-pull 2>&1); then
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

case $1 in
  up | ensure) up && docker port "$container" 5000/tcp | sed 's/.*:/http:\/\/localhost:/;q' ;;
  prepare) docker compose create --quiet-pull >/dev/null 2>&1 ;;
  discard)
    docker rm --force --volumes "$container" >/dev/null 2>&1 || true
    docker network rm "${COMPOSE_PROJECT_NAME}_stages" "${COMPOSE_PROJECT_NAME}_published" >/dev/null 2>&1 || true
    docker volume rm "${COMPOSE_PROJECT_NAME}_mlflow" >/dev/null 2>&1 || true
    ;;
  down) echo "▸ down · stopping MLflow; runs and models stay" && docker compose --progress quiet down ;;
  logs) docker compose logs --tail 200 ${FOLLOW:+--follow} ;;
  purge) echo "▸ distclean · removing MLflow with its runs and models" && docker compose --progress quiet down --volumes ;;
esac
