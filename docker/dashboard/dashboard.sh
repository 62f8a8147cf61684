#!/usr/bin/env bash
# Prometheus and Grafana for the scoring servers of this checkout: up starts them, refresh tells a running Prometheus
# which servers there are now, down stops them, and purge removes their measurements too.
# Leaves .dashboard/, readable by the caller only. Needs docker with compose.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
cd "$root"
umask 077
verb=$1 state=.dashboard checkout=$(project "") project=$(project dashboard)
prometheus="$project-prometheus-1"
last=$(cat "$state/port" 2>/dev/null || true)
port=${MODELMAKE_DASHBOARD_PORT:-${last:-3000}} # Grafana's; Prometheus has the one that is 6090 higher

running() { [ "$(docker inspect -f '{{.State.Running}}' "$prometheus" 2>/dev/null)" = true ]; }
# Docker Desktop's containers run in a virtual machine, whose network is not the one of this machine.
desktop() { [ "$(uname)" = Darwin ] || [[ $(docker info -f '{{.OperatingSystem}}') == "Docker Desktop"* ]]; }

serving() { # the pipelines that have a scoring server, in a container or as a process
  local file
  {
    docker ps --filter "label=modelmake.serve=$checkout" --format '{{.Label "modelmake.pipeline"}}'
    for file in .serve/*/pid; do
      ! kill -0 "$(cat "$file" 2>/dev/null)" 2>/dev/null || basename "${file%/pid}"
    done
  } | sort -u
}
job() { # Prometheus' job for the scoring server of pipeline $1, whose token and certificate it copies
  local from=.serve/$1 to=$state/prometheus/$1 scheme=http lacking=
  [ -f "$from/port" ] || return 0 # it starts just now, and a refresh follows
  mkdir -p "$to"
  if [ -f "$from/tls.key" ]; then cp "$from/tls.crt" "$to" && scheme=https; else lacking+='/tls_config/d;'; fi
  if [ -f "$from/token" ]; then cp "$from/token" "$to"; else lacking+='/authorization/d;'; fi
  sed "$lacking s/PIPELINE/$1/; s/SCHEME/$scheme/; s/ADDRESS/$host:$(cat "$from/port")/" \
    "$product/docker/dashboard/scorer.yaml"
}
configure() { # the containers have their own users: only the caller enters .dashboard/, they read all of it
  local name
  names=$(serving)
  host=127.0.0.1
  ! desktop || host=scorer
  mkdir -p "$state"/{prometheus,datasources,dashboards}
  rm -rf "$state"/prometheus/*/ # the copies
  cp "$product/docker/dashboard/rules.yaml" "$state/prometheus"
  cp "$product/docker/dashboard/datasource.yaml" "$state/datasources"
  cp "$product/docker/dashboard/"{provider.yaml,model.json} "$state/dashboards"
  {
    cat "$product/docker/dashboard/prometheus.yaml"
    for name in $names; do job "$name"; done
  } >"$state/prometheus/part"
  mv "$state/prometheus/part" "$state/prometheus/prometheus.yaml"
  chmod -R a+rX "$state"/*/
}

files=(-f "$product/docker/dashboard/compose.yaml")
up() {
  local each
  if ! running || [ "$port" != "$last" ]; then
    for each in "$port" "$MODELMAKE_PROMETHEUS_PORT"; do
      ! listening "$each" || taken "$each" "make dashboard DASHBOARD_PORT" $((port + 1))
    done
  fi
  configure
  desktop || files+=(-f "$product/docker/dashboard/host.yaml")
  desktop || export MODELMAKE_LISTEN=127.0.0.1 MODELMAKE_PROMETHEUS_HOST=127.0.0.1
  MODELMAKE_FILES=$(cat "$product/docker/dashboard/"* | git hash-object --stdin) && export MODELMAKE_FILES
  echo "▸ dashboard · starting Prometheus and Grafana on http://localhost:$port" >&2
  compose_up "$port" "make dashboard DASHBOARD_PORT" --wait --wait-timeout 180
  listening "$port" || die dashboard "port $port of this machine does not reach Grafana" \
    "a rootless or remote engine has a loopback of its own, which modelmake does not reach"
  echo "$port" >"$state/port"
  docker kill --signal HUP "$prometheus" >/dev/null
  [ -n "$names" ] || echo "dashboard: no scoring server runs yet; make serve starts one, which then shows here" >&2
  echo "http://localhost:$port"
}

case $verb in
  up)
    ((port > 0 && port <= 59445)) || die "DASHBOARD_PORT=$port" "too large or 0" "use a number from 1 to 59445"
    export MODELMAKE_DASHBOARD_PORT=$port MODELMAKE_PROMETHEUS_PORT=$((port + 6090))
    visible "$(image_name)" # both read .dashboard/
    up
    ;;
  refresh)
    if [ -d "$state" ] && running; then
      configure
      docker kill --signal HUP "$prometheus" >/dev/null
    fi
    ;;
  down | purge)
    [ "${MODELMAKE_RUNNER:-docker}" = docker ] || exit 0
    if [ -n "$(docker ps -aq --filter "label=com.docker.compose.project=$project")" ]; then
      [ "$verb" = purge ] || echo "▸ down · stopping the dashboard; its measurements stay"
      compose --progress quiet down --remove-orphans
      rm -rf "$state"/prometheus/*/
    fi
    [ "$verb" != purge ] || docker volume rm "${project}_prometheus" >/dev/null 2>&1 || true
    ;;
  *) die "dashboard.sh $verb" "unknown" "up, refresh, down or purge" ;;
esac
