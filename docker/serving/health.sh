#!/usr/bin/env bash
# Prints what a scoring server answers to /health; exits with 0 if it serves a model. It runs beside the server, in its
# container or on the host: $1 is the port, by default the container's.
set -euo pipefail
[ ! -f "$(dirname "$0")/../lib.sh" ] || . "$(dirname "$0")/../lib.sh" # not in the container
port=${1:-${MODELMAKE_SERVE_PORT:-5001}} name=${MODELMAKE_PIPELINE:-pipeline.toml}
name=${name##*/} key=.serve/${name%.toml}/tls.key
token=$(cat "${key%/*}/token" 2>/dev/null || true) # without it the answer does not say what is wrong
request=$'GET /health HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer '$token$'\r\n\r\n'
if [ -f "$key" ]; then
  answer=$(openssl s_client -quiet -verify_quiet -connect "localhost:$port" <<<"$request" 2>/dev/null)
else
  exec 3<>"/dev/tcp/127.0.0.1/$port"
  printf '%s' "$request" >&3
  answer=$(cat <&3)
fi
tail -1 <<<"$answer"
[[ $answer == "HTTP/1."?" 200"* ]]
