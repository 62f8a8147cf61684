#!/usr/bin/env bash
# The MLflow server on a host without an engine: up, down, logs, purge. Its state stays in .mlflow/.
# Needs .venv.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
cd "$root"
port_file=.mlflow/port # the last value of MLFLOW_PORT
[ "$1" != up ] || { check MLFLOW_PORT port && only_known_places; }
port=${MLFLOW_PORT:-$(cat "$port_file" 2>/dev/null || echo 5000)}
python=.venv/bin/python
running() { [ -f .mlflow/server.pid ] && kill -0 "$(cat .mlflow/server.pid)" 2>/dev/null; }
answers() {
  local query="$1/api/2.0/mlflow/experiments/search?max_results=1"
  $python -c "import urllib.request as r; r.urlopen('$query', timeout=4)" 2>/dev/null
}
free() { $python -c "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1])"; }

down() {
  ! running || kill "$(cat .mlflow/server.pid)"
  for _ in $(seq 50); do
    running || break
    sleep 0.1
  done
  rm -f .mlflow/server.pid .mlflow/server.url
}
up() {
  [ "${MODELMAKE_AUTH:-0}${MODELMAKE_TLS:-0}" = 00 ] ||
    die "AUTH, TLS" "are for the server in a container" "start Docker, or: make engine"
  local url
  if running && url=$(cat .mlflow/server.url 2>/dev/null) && answers "$url"; then
    if [ -z "${MLFLOW_PORT:-}" ] || [ "$port" = 0 ] || [ "$url" = "http://localhost:$port" ]; then
      echo "$url" && return
    fi
  fi
  down
  mkdir -p .mlflow
  local requested=$port
  [ "$port" != 0 ] || port=$(free)
  url="http://localhost:$port"
  ! listening "$port" || taken "$port" "make up MLFLOW_PORT"
  echo "▸ up · starting MLflow on $url" >&2
  local key=.mlflow/webhook.key # of the secrets of webhooks, which a later server must read too
  [ -s $key ] || (umask 077 && head -c 32 /dev/urandom | base64 | tr +/ -_ >$key.part && mv $key.part $key)
  MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY=$(cat $key) \
    nohup $python -m mlflow server \
    --backend-store-uri sqlite:///.mlflow/mlflow.db \
    --artifacts-destination .mlflow/artifacts --host 127.0.0.1 --port "$port" --workers 1 \
    --allowed-hosts 'localhost:*,127.0.0.1:*' >.mlflow/server.log 2>&1 </dev/null &
  local pid=$!
  echo "$pid" >.mlflow/server.pid || { kill "$pid" && die .mlflow "cannot be written" "free some space"; }
  for _ in $(seq 360); do # 180 s
    running || break
    answers "$url" && echo "$requested" >"$port_file" && echo "$url" | tee .mlflow/server.url && return
    sleep 0.5
  done
  tail -20 .mlflow/server.log >&2
  down
  die mlflow "the server did not start" "see its log above"
}

case $1 in
  up) up ;;
  down) down && echo "▸ down · MLflow has stopped; its runs and models stay" ;;
  logs)
    follow=$(on MODELMAKE_FOLLOW && echo -f || true)
    tail -n 200 ${follow:+"$follow"} .mlflow/server.log 2>/dev/null ||
      die mlflow "no server has run in this checkout" "make up"
    ;;
  purge) down && echo "▸ distclean · removing MLflow with its runs and models" ;;
  *) die "embedded.sh $1" "unknown" "up, down, logs or purge" ;;
esac
