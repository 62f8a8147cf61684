# shellcheck shell=bash disable=SC2034,SC2154  # docker/serving/serve.sh sources this file, and sets the variables
# The scoring server in a container, which reads a copy of the code: what it runs stays as it is while this checkout
# changes.
copy_code() { # prints the folder
  local part=$state/code.part hash
  rm -rf "$part" && mkdir -p "$part/.serve"
  find . \( -path './.?*' -o -path ./build -o -path ./data -o -path ./tests -o -path ./backups \) -prune -o \
    \( -name '*.py' -o -name '*.toml' -o -name health.sh \) -type f -print0 |
    tar -cf - --null -T - | tar -xf - -C "$part"
  [ "$MODELMAKE_PRODUCT" = . ] || {
    mkdir "$part/.modelmake"
    tar -C "$product" --exclude __pycache__ -cf - scripts docker/serving/health.sh | tar -xf - -C "$part/.modelmake"
  }
  hash=$(cd "$part" && find . -type f -print0 | sort -z | xargs -0 cat | git hash-object --stdin | cut -c1-12)
  [ -d "$state/code-$hash" ] || mv "$part" "$state/code-$hash"
  rm -rf "$part"
  echo "$state/code-$hash"
}
variables() { # of docker/serving/*.yaml, whose files this selects
  local address
  only_known_places
  address=$(tracking_address) files=(-f "$product/docker/serving/scorer.yaml")
  MODELMAKE_PROXY="" MODELMAKE_CA="" MODELMAKE_UI=""
  if [ -z "$address" ]; then
    MODELMAKE_UI=$("$product/docker/server/compose.sh" ensure)
    address=http://mlflow:5000 files+=(-f "$product/docker/serving/local.yaml")
    local_login
  elif on_this_machine "$address"; then
    files+=(-f "$product/docker/serving/host.yaml")
  else
    reachable "$address"
    MODELMAKE_PROXY=${HTTPS_PROXY:-${https_proxy:-}}
  fi
  if [ -f "${MLFLOW_TRACKING_SERVER_CERT_PATH:-}" ]; then
    cp "$MLFLOW_TRACKING_SERVER_CERT_PATH" "$state/tracking-ca.pem" && MODELMAKE_CA=$state/tracking-ca.pem
  fi
  [ -n "$(bucket)" ] || unset "${!AWS_@}"
  MODELMAKE_CLIENT=
  if [ -f "${MLFLOW_TRACKING_CLIENT_CERT_PATH:-}" ]; then
    (umask 077 && cp "$MLFLOW_TRACKING_CLIENT_CERT_PATH" "$state/tracking-client.pem")
    MODELMAKE_CLIENT=$state/tracking-client.pem
  fi
  MLFLOW_TRACKING_URI=$address MODELMAKE_IMAGE=$(image_name) MODELMAKE_USER="$(id -u):$(id -g)"
  MODELMAKE_NAME=$name MODELMAKE_CODE="$root/$code" MODELMAKE_CHECKOUT=$checkout MODELMAKE_SERVE_PORT=$port
  MODELMAKE_DOORS=$([ ! -f "$state/token" ] || git hash-object "$state/token")
  [ ! -f "$state/tls.key" ] || MODELMAKE_DOORS+=" tls"
  MODELMAKE_MEMORY=${MODELMAKE_WORKERS:-1}g
  export MLFLOW_TRACKING_URI MODELMAKE_{IMAGE,USER,NAME,CODE,CHECKOUT,SERVE_PORT,DOORS,MEMORY,PROXY,CA,CLIENT,UI}
}
start() {
  local code
  # A port that another program has must not end the server that runs.
  [ "$(docker port "$container" 5001/tcp 2>/dev/null)" = "127.0.0.1:$port" ] || ! listening "$port" ||
    taken "$port" "make serve SERVE_PORT"
  code=$(copy_code)
  variables
  compose_up "$port" "make serve SERVE_PORT"
  find "$state" -maxdepth 1 -name 'code-*' ! -path "$code" -exec rm -rf {} +
}
stop() { # all servers of this checkout
  local containers
  containers=$(docker ps -aq --filter "label=modelmake.serve=$checkout")
  # shellcheck disable=SC2086  # ids
  [ -z "$containers" ] || { docker stop --time 40 $containers && docker rm $containers; } >/dev/null
  docker network ls -q --filter "name=^$checkout-serve-" | while read -r network; do
    docker network rm "$network" >/dev/null 2>&1 || true
  done
}
alive() { [ "$(docker inspect -f '{{.State.Running}} {{.RestartCount}}' "$container" 2>/dev/null)" = "true 0" ]; }
health() { docker exec "$container" "$inside/docker/serving/health.sh"; }
beside() { docker exec --interactive "$container" python "$@"; } # Python with the server's code
log() { docker logs --tail 20 "$container"; }
