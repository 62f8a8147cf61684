#!/usr/bin/env bash
# The scoring server of the pipeline that PIPELINE names: up starts it, in a container or, where there is no engine, as
# a process; down stops all of this checkout; network prints how a container reaches it.
# Its state stays in .serve/. Needs docker with compose, or .venv, or runs in the image.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
cd "$root"
verb=$1 pipeline=${MODELMAKE_PIPELINE:-pipeline.toml}
name=${pipeline##*/} name=${name%.toml}
state=.serve/$name
port=${MODELMAKE_SERVE_PORT:-$(cat "$state/port" 2>/dev/null || echo 5001)}
checkout=$(project "")
project="$checkout-serve-$(tr '[:upper:]' '[:lower:]' <<<"$name" | tr -cd 'a-z0-9_-')"
container="$project-scorer-1"
runner=${MODELMAKE_RUNNER:-docker}
# Both define start, stop, alive, health, beside and log.
if [ "$runner" = docker ]; then
  . "$product/docker/serving/container.sh"
else
  . "$product/docker/serving/process.sh"
fi
if [ "$port" = 0 ]; then # any free one: that of the server that runs, if it does
  port=$(cat "$state/port" 2>/dev/null || true)
  [ -n "$port" ] && alive || port=$(next_port 5001)
fi

doors() { # a token, and a certificate, as `make up` has a login and TLS
  [ "${MODELMAKE_AUTH:-}" != 0 ] || rm -f "$state/token"
  if on MODELMAKE_AUTH && [ ! -f "$state/token" ]; then
    (umask 077 && secret >"$state/token")
    [ "${GITHUB_ACTIONS:-}" = true ] || echo "token, shown only once: $(cat "$state/token")" >&2
  fi
  [ "${MODELMAKE_TLS:-}" != 0 ] || rm -f "$state/tls.key" "$state/tls.crt"
  if on MODELMAKE_TLS && [ ! -f "$state/tls.key" ]; then
    [ "$runner" = docker ] || die TLS "is for the server in a container" "start Docker, or: make engine"
    (umask 077 && certificate "$(image_name)" "$root/$state" DNS:localhost,DNS:scorer,IP:127.0.0.1) ||
      die tls "no certificate was made" "put tls.crt and tls.key into $state/"
    echo "▸ serve · created a certificate, which clients accept with $state/tls.crt" >&2
  fi
}
scheme() { if [ -f "$state/tls.key" ]; then echo https; else echo http; fi; }
ready() { # waits until the server serves a model, or says why it does not
  local answer last='' problem code
  for _ in $(seq 720); do # 180 s, since a slow machine imports for a minute
    if answer=$(health 2>/dev/null); then
      beside -m modelmake.core.advice </dev/null >&2
      echo "$(scheme)://localhost:$port" && return
    fi
    alive || break
    # The registry has answered, and there is nothing to serve: no champion yet, or one that is refused.
    if [ "$answer" != "$last" ]; then
      last=$answer code=0
      problem=$(beside -m modelmake.serving.startup <<<"$answer" 2>/dev/null) || code=$?
      [ -z "$problem" ] || echo "serve: no model yet: $problem" >&2
      [ $code != 2 ] || exit 2
      [ $code != 0 ] || { echo "$(scheme)://localhost:$port" && return; }
    fi
    sleep 0.25
  done
  log >&2 || true
  die serve "the server did not start" "see its log above"
}

case $verb in
  up)
    mkdir -p "$state"
    doors
    echo "▸ serve · starting the scoring server of $pipeline on $(scheme)://localhost:$port" >&2
    start
    echo "$port" >"$state/port"
    [ "$runner" = image ] || "$product/docker/dashboard/dashboard.sh" refresh
    ready
    ;;
  down)
    stop
    [ "$runner" != docker ] || (. "$product/docker/serving/process.sh" && stop) # one from a time without an engine
    ;;
  network) # of a container that asks the server, and the address there
    if [ "$(docker inspect -f '{{.HostConfig.NetworkMode}}' "$container" 2>/dev/null)" = host ]; then
      echo "host $(scheme)://localhost:$port"
    else
      echo "${project}_published $(scheme)://scorer:5001"
    fi
    ;;
  *) die "serve.sh $verb" "unknown" "up, down or network" ;;
esac
