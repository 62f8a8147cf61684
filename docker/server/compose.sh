#!/usr/bin/env bash
# The compose server: up, down, stop, logs, purge, and `ensure`, which starts it only if need be. up and ensure print its URL last.
# `name` prints its project. --scratch NAME is a server of its own, on any free port, without a login: prepare makes its networks, discard removes it.
# --image IMAGE and --workers N say what runs in it. Needs docker with compose.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
trap 'exit 143' TERM # between two commands: what the engine was asked for is done before this has ended
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
case $verb in
  up | ensure) check_port "${MLFLOW_PORT:-0}" ;;
  *) is_port "${MLFLOW_PORT:-0}" || unset MLFLOW_PORT ;; # these need none
esac
[ -z "${MLFLOW_PORT:-}" ] || MLFLOW_PORT=$((10#$MLFLOW_PORT))

project=$(project "$scratch")
[ "$verb" != name ] || { echo "$project" && exit; }
server="$project-mlflow-1" proxy="$project-tls-1"
chosen=.mlflow/port # what MLFLOW_PORT said last
port=$(docker inspect -f '{{range .HostConfig.PortBindings}}{{(index . 0).HostPort}}{{end}}' "$server" "$proxy" 2>/dev/null | grep -m1 . || true)
if [ -n "$scratch" ]; then
  MLFLOW_PORT=0
else
  MLFLOW_PORT=${MLFLOW_PORT:-${port:-$(cat "$chosen" 2>/dev/null || echo 5000)}}
fi

# What compose.yaml asks for. Compose reads the files that are named here, and no .env of the user's.
image=${image:-$(docker/image/image.sh name)} doors=""
export MLFLOW_PORT MLFLOW_WORKERS=${workers:-${scratch:+1}} MODELMAKE_IMAGE=$image MODELMAKE_DOORS=""
MODELMAKE_USER="$(id -u):$(id -g)" && export MODELMAKE_USER
files=(-f compose.yaml)
compose() { docker compose --env-file /dev/null --project-directory "$root" --project-name "$project" "${files[@]}" "$@"; }

doors() { # what is in front of the server
  container=$server published=5000 scheme=http
  [ -z "$scratch" ] || return 0
  if [ -f .mlflow/password ]; then doors+=" auth" files+=(-f docker/server/auth.yaml); fi
  if [ -f .mlflow/tls.key ]; then doors+=" tls" files+=(-f docker/server/tls.yaml) container=$proxy published=5443 scheme=https; fi
  MODELMAKE_DOORS=$doors
}
running() { # this image, with these doors
  [ "$(docker inspect -f '{{.State.Running}} {{.Config.Image}}{{index .Config.Labels "modelmake.doors"}}' "$server" 2>/dev/null)" = \
    "true $image$doors" ]
}
ready() {
  running && [ "$(docker inspect -f '{{.State.Health.Status}}' "$server")" = healthy ] && [ "$MLFLOW_PORT" = "$port" ] &&
    [ "$(docker inspect -f '{{.State.Running}}' "$container" 2>/dev/null)" = true ]
}
up() {
  docker compose version >/dev/null 2>&1 || die docker "no compose plugin" "install docker-compose-plugin, or: make engine"
  ready && return
  running || docker/server/state.sh ${scratch:+--scratch "$scratch"} settle || exit # a busy server is not stopped for that
  echo "▸ up · starting MLflow on $scheme://localhost${MLFLOW_PORT/#/:}" | sed 's/:0$/, on any free port/' >&2
  if ! output=$(compose up --detach --remove-orphans --wait --wait-timeout 180 --quiet-pull 2>&1); then
    case $output in
      *"port is already allocated"* | *"address already in use"*)
        compose rm --force --stop >/dev/null 2>&1 || true
        holder=$(docker ps --filter "publish=$MLFLOW_PORT" --format '{{.Names}}')
        die "port $MLFLOW_PORT" "taken by ${holder:+the container }${holder:-another program}" "make up MLFLOW_PORT=$((MLFLOW_PORT + 1))"
        ;;
    esac
    compose logs --tail 20 >&2 || true
    die compose "$(tail -1 <<<"$output")" "the server's log stands above; make doctor"
  fi
  [ -n "$scratch" ] || { mkdir -p .mlflow && echo "$MLFLOW_PORT" >"$chosen"; }
}

[ -z "${MODELMAKE_AUTH:-}${MODELMAKE_TLS:-}" ] || [ "$verb" != up ] || docker/server/login.sh "$image"
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
  down) echo "▸ down · stopping MLflow; runs and models stay" && compose --progress quiet down --remove-orphans ;;
  logs)
    follow=$(on MODELMAKE_FOLLOW && echo --follow || true)
    compose logs --tail 200 ${follow:+"$follow"}
    ;;
  purge) echo "▸ distclean · removing MLflow with its runs and models" && compose --progress quiet down --remove-orphans --volumes ;;
esac
