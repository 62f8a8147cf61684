#!/usr/bin/env bash
# Runs a command in the pinned image: source read-only, build/ writable, the caller's uid, no privileges.
# $1 is the access: sealed (no network), writable (no network, but the source is writable), mlflow, outside,
# scorer (its network alone), tune (as mlflow, with the cluster), watch (as mlflow, and .serve/ is writable),
# predict (as mlflow, with IN and OUT), or fetch (as outside, with the credentials of the sources; also data/snapshots/
# is writable).
# --scratch NAME before $1 selects the scratch server NAME as MLflow (docker/server/compose.sh).
set -euo pipefail
. "$(dirname "$0")/lib.sh"
scratch=
[ "$1" != --scratch ] || { scratch=$2 && shift 2; }
access=$1
shift
image=$("$root/docker/image/image.sh" name)
MODELMAKE_IMAGE_ID=$(docker image inspect -f '{{.Id}}' "$image")
export MODELMAKE_IMAGE_ID
mkdir -p "$root/build"
source=ro
[ "$access" != writable ] || source=rw
options=(--rm --init "${closed[@]}" --user "$(id -u):$(id -g)" --tmpfs /tmp:exec
  -v "$root:/src:$source" -v "$root/build:/src/build" -w /src -e PYTHONPATH=/src/scripts -e MODELMAKE_IMAGE_ID)
# Only a shell reads standard input; another command would consume the input of a loop around make.
[ "$1" != bash ] && [ ! -t 0 ] || options+=(--interactive)
[ -t 0 ] && [ -t 1 ] && options+=(--tty)
pass() { # those of the named variables that are set
  local name
  for name in "$@"; do [ -z "${!name:-}" ] || options+=(-e "$name"); done
}
mount() { # variable, file on the host, path in the container
  [ ! -f "$2" ] || options+=(-v "$(realpath "$2"):$3:ro" -e "$1=$3")
}
pass USER CI
for name in $settings; do [ "$name" = RUNNER ] || pass "MODELMAKE_$name"; done # make in the image runs bare

if [ "${GITHUB_ACTIONS:-}" = true ]; then
  for name in $github; do [[ $name == GITHUB_TOKEN || $name == REGISTRY_* ]] || pass "$name"; done
  for file in "${GITHUB_OUTPUT:-}" "${GITHUB_STEP_SUMMARY:-}"; do # a step writes its results there
    [ ! -f "$file" ] || options+=(-v "$file:$file")
  done
fi

# A linked worktree or a submodule has its history outside of the checkout, at a path that the container may not have.
if MODELMAKE_GIT_DIR=$(git -C "$root" rev-parse --path-format=absolute --git-dir 2>/dev/null); then
  history=$(git -C "$root" rev-parse --path-format=absolute --git-common-dir)
  export MODELMAKE_GIT_DIR
  [[ $history == "$root"/* ]] || options+=(-v "$history:$history:ro" -e MODELMAKE_GIT_DIR)
fi
# The table, a file or a folder, may lie outside of the checkout (modelmake.core.inputs writes what train reads).
while IFS= read -r table; do
  [[ $table != /* ]] || [ ! -e "$table" ] || options+=(-v "$table:$table:ro")
done < <(echo "${MODELMAKE_DATA:-}" && sed -n 's,^file ,,p' "$root/$receipts/train.reads" 2>/dev/null)

proxies=("${no_proxies[@]}")
proxied() { # the caller's proxies; without any, those of the engine's configuration apply
  proxies=()
  [ -z "${HTTP_PROXY:-}${HTTPS_PROXY:-}${http_proxy:-}${https_proxy:-}" ] ||
    pass HTTP_PROXY HTTPS_PROXY http_proxy https_proxy NO_PROXY no_proxy
}
sources() { # what `make fetch` reads, and the one place where it writes
  local address=${DATABASE_URL:-} file
  # shellcheck disable=SC2086  # words
  pass $sources
  if on_this_machine "$address" || on_this_machine "${AWS_ENDPOINT_URL:-}"; then options+=(--network host); fi
  mount GOOGLE_APPLICATION_CREDENTIALS "${GOOGLE_APPLICATION_CREDENTIALS:-}" /run/google.json
  file=/${address#sqlite:////}
  [[ $address != sqlite:////* ]] || [ ! -f "$file" ] || options+=(-v "$file:$file:ro")
  mkdir -p "$root/data/snapshots"
  options+=(-v "$root/data/snapshots:/src/data/snapshots")
}
given() { # the table that variable $1 names, at its absolute path, unless it is a plain path in the checkout
  local path=${!1:-}
  [[ -z $path || $path == /* ]] || path=$root/$path
  [ -e "$path" ] || return 0
  path=$(realpath "$path")
  [ "$path" = "$root/${!1#./}" ] || options+=(-v "$path:$path:ro" -e "$1=$path")
}
if [ "$access" = watch ]; then # as mlflow; it moves the request log
  access=mlflow
  mkdir -p "$root/.serve"
  options+=(-v "$root/.serve:/src/.serve")
  given MODELMAKE_IN && given MODELMAKE_TRUTH
fi
if [ "$access" = predict ]; then # as mlflow; it reads IN, and writes to the folder of OUT
  access=mlflow
  given MODELMAKE_IN
  folder=$(dirname "${MODELMAKE_OUT:-build/none}")
  [ -d "$folder" ] || die "OUT=${MODELMAKE_OUT:-}" "its folder does not exist" "create it"
  [ -z "${MODELMAKE_OUT:-}" ] ||
    options+=(-v "$(cd "$folder" && pwd -P):/out" -e "MODELMAKE_OUT=/out/$(basename "$MODELMAKE_OUT")")
fi
networks=() # beside the first one
if [ "$access" = tune ]; then # as mlflow; it asks the scheduler of ENGINE=dask
  access=mlflow
  cluster="$(project "")-cluster"
  server=$(tr -d '[:space:]' <<<"${MLFLOW_TRACKING_URI:-}")
  if [ "${MODELMAKE_ENGINE:-}" != dask ]; then
    :
  elif [ -n "${DASK_SCHEDULER_ADDRESS:-}" ]; then
    pass DASK_SCHEDULER_ADDRESS
    if on_this_machine "$server"; then
      : # in the network of the host, from which every cluster can be reached
    elif on_this_machine "$DASK_SCHEDULER_ADDRESS"; then
      die DASK_SCHEDULER_ADDRESS "a container cannot reach a scheduler that listens to this machine only" "RUNNER=host"
    elif [ -z "$server" ]; then
      networks=(bridge) # that of the local server has no way out
    fi
    for name in CA_FILE CLIENT__CERT CLIENT__KEY; do
      name=DASK_DISTRIBUTED__COMM__TLS__$name
      mount "$name" "${!name:-}" "/run/$name"
    done
  elif [ -d "$root/.cluster" ]; then
    ! on_this_machine "$server" ||
      die MLFLOW_TRACKING_URI "the network of the cluster has no way to this machine" "leave it out, or ENGINE=local"
    networks=("${cluster}_cluster")
    docker network inspect "${networks[0]}" >/dev/null 2>&1 || die cluster "it is not running" "make cluster"
    options+=(-v "$root/.cluster:/run/cluster:ro" -e DASK_SCHEDULER_ADDRESS=tls://scheduler:8786
      -e DASK_DISTRIBUTED__COMM__TLS__CA_FILE=/run/cluster/tls.crt
      -e DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT=/run/cluster/tls.crt
      -e DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY=/run/cluster/tls.key)
  fi
fi
case $access in
  sealed | writable) options+=(--network none) ;;
  outside | fetch)
    proxied
    bundle=/etc/ssl/certs/ca-certificates.crt
    mount SSL_CERT_FILE "${SSL_CERT_FILE:-$bundle}" "$bundle"
    if [ "$access" = outside ]; then pass GITHUB_TOKEN; else sources; fi
    ;;
  mlflow)
    # From these variables the next run learns which processes have ended (scripts/modelmake/core/provenance.py).
    read -r MODELMAKE_HOST moment < <(docker info -f '{{.ID}} {{.SystemTime}}')
    MODELMAKE_CONTAINER="modelmake-run-$$-$RANDOM"
    MODELMAKE_CONTAINERS="$moment $(docker ps --filter name=^modelmake-run- --format '{{.Names}}' | tr '\n' ' ')"
    export MODELMAKE_HOST MODELMAKE_CONTAINER MODELMAKE_CONTAINERS
    options+=(--name "$MODELMAKE_CONTAINER" -e MODELMAKE_HOST -e MODELMAKE_CONTAINER -e MODELMAKE_CONTAINERS)

    address=$(tr -d '[:space:]' <<<"${MLFLOW_TRACKING_URI:-}")
    if [ -n "$scratch" ] || [ -z "$address" ]; then
      MODELMAKE_UI=$("$root/docker/server/compose.sh" ${scratch:+--scratch "$scratch"} ensure)
      MLFLOW_TRACKING_URI=http://mlflow:5000
      export MODELMAKE_UI
      options+=(--network "$(project "$scratch")_stages" -e MODELMAKE_UI)
      if [ -z "$scratch" ] && [ -f "$root/.mlflow/password" ]; then
        MLFLOW_TRACKING_USERNAME=${MLFLOW_TRACKING_USERNAME:-admin}
        MLFLOW_TRACKING_PASSWORD=${MLFLOW_TRACKING_PASSWORD:-$(cat "$root/.mlflow/password")}
      fi
    else
      if on_this_machine "$address"; then
        options+=(--network host)
      else
        proxied
      fi
      [[ $address != sqlite:* ]] ||
        die MLFLOW_TRACKING_URI "a container cannot reach an SQLite file of this machine" "http://…, or RUNNER=host"
      mount MLFLOW_TRACKING_SERVER_CERT_PATH "${MLFLOW_TRACKING_SERVER_CERT_PATH:-}" /etc/tracking-ca.pem
    fi
    export MLFLOW_TRACKING_URI MLFLOW_TRACKING_USERNAME MLFLOW_TRACKING_PASSWORD
    pass MLFLOW_TRACKING_URI MLFLOW_TRACKING_USERNAME MLFLOW_TRACKING_PASSWORD MLFLOW_TRACKING_TOKEN MLFLOW_RUN_ID
    ;;
  scorer) # what asks the scoring server, and reads its token in .serve/
    read -r network MODELMAKE_SCORER < <("$root/docker/serving/serve.sh" network)
    export MODELMAKE_SCORER
    options+=(--network "$network" -e MODELMAKE_SCORER)
    ;;
  *) die "access '$access'" "unknown" "sealed, writable, mlflow, tune, predict, watch, scorer, outside or fetch" ;;
esac
[ ${#networks[@]} != 0 ] || exec docker run "${options[@]}" ${proxies[@]+"${proxies[@]}"} "$image" "$@"
made=$(docker create "${options[@]}" ${proxies[@]+"${proxies[@]}"} "$image" "$@")
for network in "${networks[@]}"; do
  docker network connect "$network" "$made" || { docker rm "$made" >/dev/null && exit 1; }
done
interactive=()
[ ! -t 0 ] || interactive=(--interactive)
exec docker start --attach ${interactive[@]+"${interactive[@]}"} "$made"
