#!/usr/bin/env bash
# The scoring server of the pipeline that PIPELINE names: up starts it, in a container or, where there is no engine, as
# a process; down stops all of this checkout; network prints how a container reaches it.
# Its state, a copy of the code among it, stays in .serve/. Needs docker with compose, or .venv, or runs in the image.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
cd "$root"
verb=$1 pipeline=${MODELMAKE_PIPELINE:-pipeline.toml}
name=${pipeline##*/} name=${name%.toml}
state=.serve/$name
port=${MODELMAKE_SERVE_PORT:-$(cat "$state/port" 2>/dev/null || echo 5001)}
checkout=$(project "")
project="$checkout-serve-$(tr '[:upper:]' '[:lower:]' <<<"$name" | tr -cd 'a-z0-9_-')"
runner=${MODELMAKE_RUNNER:-docker}
container="$project-scorer-1"

copy_code() { # what the server runs stays as it is while this checkout changes; prints the folder
  local part=$state/code.part hash
  rm -rf "$part" && mkdir -p "$part/.serve"
  find . \( -path './.?*' -o -path ./build -o -path ./data -o -path ./tests -o -path ./backups \) -prune -o \
    \( -name '*.py' -o -name '*.toml' -o -name health.sh \) -type f -print0 |
    tar -cf - --null -T - | tar -xf - -C "$part"
  hash=$(cd "$part" && find . -type f -print0 | sort -z | xargs -0 cat | git hash-object --stdin | cut -c1-12)
  rm -rf "$state/code-$hash.old"
  [ -d "$state/code-$hash" ] || mv "$part" "$state/code-$hash"
  rm -rf "$part"
  echo "$state/code-$hash"
}
doors() { # a token, and a certificate, as `make up` has a login and TLS
  [ "${MODELMAKE_AUTH:-}" != 0 ] || rm -f "$state/token"
  if [ "${MODELMAKE_AUTH:-}" = 1 ] && [ ! -f "$state/token" ]; then
    (umask 077 && { LC_ALL=C tr -dc 'A-Za-z0-9' </dev/urandom 2>/dev/null || true; } | head -c 32 >"$state/token")
    [ "${GITHUB_ACTIONS:-}" = true ] || echo "token, shown only once: $(cat "$state/token")" >&2
  fi
  [ "${MODELMAKE_TLS:-}" != 0 ] || rm -f "$state/tls.key" "$state/tls.crt"
  if [ "${MODELMAKE_TLS:-}" = 1 ] && [ ! -f "$state/tls.key" ]; then
    [ "$runner" = docker ] || die TLS "is for the server in a container" "start Docker, or: make engine"
    (umask 077 && certificate "$image" "$root/$state" DNS:localhost,DNS:scorer,IP:127.0.0.1) ||
      die tls "no certificate was made" "put tls.crt and tls.key into $state/"
    echo "▸ serve · created a certificate, which clients accept with $state/tls.crt" >&2
  fi
}
scheme() { if [ -f "$state/tls.key" ]; then echo https; else echo http; fi; }
health() {
  if [ "$runner" = docker ]; then docker exec "$container" docker/serving/health.sh 2>/dev/null; else
    docker/serving/health.sh "$port" 2>/dev/null
  fi
}
alive() {
  if [ "$runner" = docker ]; then
    [ "$(docker inspect -f '{{.State.Running}} {{.RestartCount}}' "$container" 2>/dev/null)" = "true 0" ]
  else kill -0 "$(cat "$state/pid" 2>/dev/null)" 2>/dev/null; fi
}
ready() { # waits until the server serves a model, or says why it does not
  local answer
  for _ in $(seq 240); do
    if answer=$(health); then
      echo "$(scheme)://localhost:$port" && return
    fi
    alive || break
    # The registry has answered, and there is nothing to serve.
    if [[ $answer == *'"registry":"up"'*'"problem":"'* && $answer != *'"problem":null'* ]]; then
      answer=${answer##*'"problem":"'}
      echo "serve: no model yet: ${answer%'"}'*}" >&2
      echo "$(scheme)://localhost:$port" && return
    fi
    sleep 0.25
  done
  if [ "$runner" = docker ]; then docker logs --tail 20 "$container" >&2 || true; else tail -20 "$state/log.txt" >&2; fi
  die serve "the server did not start" "see its log above"
}

compose() {
  docker compose --env-file /dev/null --project-directory "$root" --project-name "$project" "${files[@]}" "$@"
}
taken() { # by what
  local holder
  holder=$(docker ps --filter "publish=$port" --format '{{.Names}}' 2>/dev/null | head -1)
  die "port $port" "taken by ${holder:+the container }${holder:-another program}" \
    "make serve SERVE_PORT=$((port + 1))"
}
listening() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }
up_container() {
  local address output
  # A port that another program has must not end the server that runs.
  [ "$(docker port "$container" 5001/tcp 2>/dev/null)" = "127.0.0.1:$port" ] || ! listening || taken
  docker compose version >/dev/null 2>&1 ||
    die docker "no compose plugin" "install docker-compose-plugin, or: make engine"
  files=(-f docker/serving/scorer.yaml)
  address=$(tr -d '[:space:]' <<<"${MLFLOW_TRACKING_URI:-}")
  MODELMAKE_PROXY="" MODELMAKE_CA="" MODELMAKE_UI=""
  if [ -z "$address" ]; then
    MODELMAKE_UI=$(docker/server/compose.sh ensure)
    address=http://mlflow:5000 files+=(-f docker/serving/local.yaml)
    if [ -f .mlflow/password ]; then
      MLFLOW_TRACKING_USERNAME=${MLFLOW_TRACKING_USERNAME:-admin}
      MLFLOW_TRACKING_PASSWORD=${MLFLOW_TRACKING_PASSWORD:-$(cat .mlflow/password)}
    fi
  elif on_this_machine "$address"; then
    files+=(-f docker/serving/host.yaml)
  else
    [[ $address != sqlite:* ]] ||
      die MLFLOW_TRACKING_URI "a container cannot reach an SQLite file of this machine" "http://…, or RUNNER=host"
    MODELMAKE_PROXY=${HTTPS_PROXY:-${https_proxy:-}}
  fi
  if [ -f "${MLFLOW_TRACKING_SERVER_CERT_PATH:-}" ]; then
    cp "$MLFLOW_TRACKING_SERVER_CERT_PATH" "$state/tracking-ca.pem" && MODELMAKE_CA=$state/tracking-ca.pem
  fi
  MLFLOW_TRACKING_URI=$address MODELMAKE_IMAGE=$image MODELMAKE_USER="$(id -u):$(id -g)" MODELMAKE_NAME=$name
  MODELMAKE_CODE="$root/$code" MODELMAKE_PROJECT=$checkout MODELMAKE_SERVE_PORT=$port
  MODELMAKE_DOORS=$([ ! -f "$state/token" ] || git hash-object "$state/token")
  [ ! -f "$state/tls.key" ] || MODELMAKE_DOORS+=" tls"
  [[ ${MODELMAKE_WORKERS:-} != *[!0-9]* ]] || die "WORKERS=$MODELMAKE_WORKERS" "not a number" "leave it out for 1"
  MODELMAKE_MEMORY=${MODELMAKE_WORKERS:-1}g
  export MLFLOW_TRACKING_URI MLFLOW_TRACKING_USERNAME MLFLOW_TRACKING_PASSWORD MODELMAKE_IMAGE MODELMAKE_USER \
    MODELMAKE_NAME MODELMAKE_CODE MODELMAKE_PROJECT MODELMAKE_SERVE_PORT MODELMAKE_DOORS MODELMAKE_MEMORY \
    MODELMAKE_PROXY MODELMAKE_CA MODELMAKE_UI
  if ! output=$(compose up --detach --remove-orphans --quiet-pull 2>&1); then
    case $output in
      *"port is already allocated"* | *"address already in use"*)
        compose rm --force --stop >/dev/null 2>&1 || true
        taken
        ;;
    esac
    die compose "$(tail -1 <<<"$output")" "make doctor checks this machine"
  fi
}
up_process() {
  local python=python
  [ "$runner" = image ] || python=$root/.venv/bin/python
  [ ! -f "$state/pid" ] || stop_process "$state"
  ! listening || taken
  MODELMAKE_SERVE_PORT=$port nohup "$python" -m modelmake serve >"$state/log.txt" 2>&1 </dev/null &
  echo $! >"$state/pid"
}
stop_process() { # folder
  local pid
  pid=$(cat "$1/pid")
  ! kill "$pid" 2>/dev/null || for _ in $(seq 400); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  rm -f "$1/pid"
}
down() {
  local file containers
  for file in .serve/*/pid; do
    [ ! -f "$file" ] || stop_process "${file%/pid}"
  done
  [ "$runner" = docker ] || return 0
  containers=$(docker ps -aq --filter "label=modelmake.serve=$checkout")
  # shellcheck disable=SC2086  # ids
  [ -z "$containers" ] || { docker stop --time 40 $containers && docker rm $containers; } >/dev/null
  docker network ls -q --filter "name=^$checkout-serve-" | while read -r network; do
    docker network rm "$network" >/dev/null 2>&1 || true
  done
}

case $verb in
  up)
    is_port "$port" || die "SERVE_PORT=$port" "not a port" "use a number up to 65535"
    image=$([ "$runner" != docker ] || docker/image/image.sh name)
    mkdir -p "$state"
    doors
    echo "▸ serve · starting the scoring server of $pipeline on $(scheme)://localhost:$port" >&2
    if [ "$runner" = docker ]; then
      code=$(copy_code)
      up_container
      find "$state" -maxdepth 1 -name 'code-*' ! -path "$code" -exec rm -rf {} +
    else up_process; fi
    echo "$port" >"$state/port"
    [ "$runner" = image ] || docker/dashboard/dashboard.sh refresh
    ready
    ;;
  down) down ;;
  network) # of a container that asks the server, and the address there
    if [ "$(docker inspect -f '{{.HostConfig.NetworkMode}}' "$container" 2>/dev/null)" = host ]; then
      echo "host $(scheme)://localhost:$port"
    else echo "${project}_published $(scheme)://scorer:5001"; fi
    ;;
  *) die "serve.sh $verb" "unknown" "up, down or network" ;;
esac
