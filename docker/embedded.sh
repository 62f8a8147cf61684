#!/usr/bin/env bash
# The embedded store, served from the host where there is no engine: up, down, logs, purge. State stays in .mlflow/.
# Needs .venv.
set -euo pipefail
cd "$(dirname "$0")/.."
die() { echo "error: $1: $2 ($3)" >&2; exit 2; }
port=${MLFLOW_PORT:-5000}
url="http://localhost:$port"
running() { [ -f .mlflow/server.pid ] && kill -0 "$(cat .mlflow/server.pid)" 2>/dev/null; }
answers() { .venv/bin/python -c "import urllib.request as r; r.urlopen('$1/api/2.0/mlflow/experiments/search?max_results=1', timeout=4)" 2>/dev/null; }
listening() { .venv/bin/python -c "import socket; socket.create_connection(('127.0.0.1', $port), 1)" 2>/dev/null; }

down() {
  ! running || kill "$(cat .mlflow/server.pid)"
  for _ in $(seq 50); do
    running || break
    sleep 0.1
  done
  rm -f .mlflow/server.pid .mlflow/server.url
}
up() {
  [ "${AUTH:-0}${TLS:-0}" = 00 ] || die "AUTH, TLS" "are for the server in a container" "start Docker, or: make engine"
  if running && answers "$(cat .mlflow/server.url)"; then
    [ -z "${MLFLOW_PORT:-}" ] || [ "$(cat .mlflow/server.url)" = "$url" ] || { down && up; return; }
    cat .mlflow/server.url && return
  fi
  down
  ! listening || die "port $port" "taken by another program" "MLFLOW_PORT=$((port + 1)) make up"
  echo "▸ up · starting MLflow on $url" >&2
  mkdir -p .mlflow
  MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false nohup .venv/bin/python -m mlflow server --backend-store-uri sqlite:///.mlflow/mlflow.db \
    --artifacts-destination .mlflow/artifacts --host 127.0.0.1 --port "$port" --workers 1 \
    --allowed-hosts 'localhost:*,127.0.0.1:*' >.mlflow/server.log 2>&1 </dev/null &
  echo $! >.mlflow/server.pid
  for _ in $(seq 120); do
    running || break
    answers "$url" && echo "$url" | tee .mlflow/server.url && return
    sleep 0.5
  done
  tail -20 .mlflow/server.log >&2
  down
  die mlflow "the server did not come up" "its log stands above"
}

case $1 in
  up | down) "$1" ;;
  logs) tail -n 200 ${FOLLOW:+-f} .mlflow/server.log 2>/dev/null || die mlflow "no server has run here" "make up" ;;
  purge) down ;;
esac
