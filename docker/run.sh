#!/usr/bin/env bash
# Runs a command in the pinned image: source read-only, build/ writable, the caller's uid, no privileges, no network.
# Usage: run.sh [--scratch NAME] [ACCESS …] -- COMMAND …. Each word of access adds what the function of that name says.
# --scratch NAME selects the scratch server NAME as MLflow (docker/server/compose.sh). Needs docker, and the image.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
scratch=
[ "$1" != --scratch ] || { scratch=$2 && shift 2; }

networks=()              # none is no network
proxies=("${no_proxies[@]}")
source=ro
options=(--rm --init "${closed[@]}" --user "$(id -u):$(id -g)" --tmpfs /tmp:exec -w /src -e "PYTHONPATH=$inside/scripts"
  -e MODELMAKE_ROOT=/src -e MODELMAKE_PRODUCT -e MODELMAKE_LOCK -e "MODELMAKE_FOLDER=${root##*/}"
  -v "$root/build:/src/build")
reach() { [[ " ${networks[*]:-} " == *" $1 "* ]] || networks+=("$1"); } # network
pass() { # those of the named variables that are set
  local name
  for name in "$@"; do [ -z "${!name:-}" ] || options+=(-e "$name"); done
}
mount() { # variable, file on the host, path in the container
  [ ! -f "$2" ] || options+=(-v "$(realpath "$2"):$3:ro" -e "$1=$3")
}
proxied() { # the caller's proxies; without any, those of the engine's configuration apply
  proxies=()
  [ -z "${HTTP_PROXY:-}${HTTPS_PROXY:-}${http_proxy:-}${https_proxy:-}" ] ||
    pass HTTP_PROXY HTTPS_PROXY http_proxy https_proxy NO_PROXY no_proxy
}
table() { # the one that variable $1 names, at its absolute path, unless it is a plain path in the checkout
  local path=${!1:-}
  [[ -z $path || $path == /* ]] || path=$root/$path
  [ -e "$path" ] || return 0
  path=$(realpath "$path")
  [ "$path" = "$root/${!1#./}" ] || options+=(-v "$path:$path:ro" -e "$1=$path")
}

access_mlflow() { # the tracking server
  # From these variables the next run learns which processes have ended (scripts/modelmake/core/provenance.py).
  local address moment
  only_known_places
  read -r MODELMAKE_HOST moment < <(docker info -f '{{.ID}} {{.SystemTime}}')
  MODELMAKE_CONTAINER="modelmake-run-$$-$RANDOM"
  MODELMAKE_CONTAINERS="$moment $(docker ps --filter name=^modelmake-run- --format '{{.Names}}' | tr '\n' ' ')"
  export MODELMAKE_HOST MODELMAKE_CONTAINER MODELMAKE_CONTAINERS
  options+=(--name "$MODELMAKE_CONTAINER" -e MODELMAKE_HOST -e MODELMAKE_CONTAINER -e MODELMAKE_CONTAINERS)

  address=$(tracking_address)
  if [ -n "$scratch" ] || [ -z "$address" ]; then
    MODELMAKE_UI=$("$product/docker/server/compose.sh" ${scratch:+--scratch "$scratch"} ensure)
    export MODELMAKE_UI MLFLOW_TRACKING_URI=http://mlflow:5000
    options+=(-e MODELMAKE_UI)
    reach "$(project "$scratch")_stages"
    [ -n "$scratch" ] || local_login
  else
    reachable "$address"
    if on_this_machine "$address"; then reach host; else reach bridge && proxied; fi
    mount MLFLOW_TRACKING_SERVER_CERT_PATH "${MLFLOW_TRACKING_SERVER_CERT_PATH:-}" /etc/tracking-ca.pem
  fi
  mount MLFLOW_TRACKING_CLIENT_CERT_PATH "${MLFLOW_TRACKING_CLIENT_CERT_PATH:-}" /run/tracking-client.pem
  pass MLFLOW_TRACKING_URI MLFLOW_WORKSPACE MLFLOW_TRACKING_USERNAME MLFLOW_TRACKING_PASSWORD MLFLOW_TRACKING_TOKEN \
    MLFLOW_S3_ENDPOINT_URL MLFLOW_RUN_ID
  # shellcheck disable=SC2046  # words
  [ -n "$scratch" ] || pass $(bucket)
}
access_cluster() { # the scheduler of ENGINE=dask: that of the user, or of `make cluster`
  [ "${MODELMAKE_ENGINE:-}" = dask ] || return 0
  local address name tls=DASK_DISTRIBUTED__COMM__TLS__ cluster
  address=$(tracking_address) cluster=$(project "")-cluster_cluster
  if [ -n "${DASK_SCHEDULER_ADDRESS:-}" ]; then
    pass DASK_SCHEDULER_ADDRESS
    if ! on_this_machine "$address"; then # else in the network of the host, from which every cluster can be reached
      ! on_this_machine "$DASK_SCHEDULER_ADDRESS" || die DASK_SCHEDULER_ADDRESS \
        "a container cannot reach a scheduler that listens to this machine only" "RUNNER=host"
      reach bridge # the network of the local server has no way out
    fi
    for name in "$tls"{CA_FILE,CLIENT__CERT,CLIENT__KEY}; do mount "$name" "${!name:-}" "/run/$name"; done
  elif [ -d "$root/.cluster" ]; then
    ! on_this_machine "$address" ||
      die MLFLOW_TRACKING_URI "the network of the cluster cannot reach this machine" "leave it out, or ENGINE=local"
    docker network inspect "$cluster" >/dev/null 2>&1 || die cluster "it is not running" "make cluster"
    reach "$cluster"
    options+=(-v "$root/.cluster:/run/cluster:ro" -e DASK_SCHEDULER_ADDRESS=tls://scheduler:8786
      -e "${tls}CA_FILE=/run/cluster/tls.crt" -e "${tls}CLIENT__CERT=/run/cluster/tls.crt"
      -e "${tls}CLIENT__KEY=/run/cluster/tls.key")
  fi
}
access_scorer() { # the scoring server, whose token is in .serve/
  local network
  read -r network MODELMAKE_SCORER < <("$product/docker/serving/serve.sh" network)
  export MODELMAKE_SCORER
  reach "$network"
  options+=(-e MODELMAKE_SCORER)
}
access_log() { # the request log, which `make watch` moves
  mkdir -p "$root/.serve"
  options+=(-v "$root/.serve:/src/.serve")
}
access_tables() { # the tables IN and TRUTH
  table MODELMAKE_IN
  table MODELMAKE_TRUTH
}
access_output() { # the folder of OUT, writable
  [ -n "${MODELMAKE_OUT:-}" ] || return 0
  local folder
  folder=$(dirname "$MODELMAKE_OUT")
  [ -d "$folder" ] || die "OUT=$MODELMAKE_OUT" "its folder does not exist" "create it"
  options+=(-v "$(cd "$folder" && pwd -P):/out" -e "MODELMAKE_OUT=/out/$(basename "$MODELMAKE_OUT")")
}
access_checkout() { source=rw; } # the checkout, writable
access_outside() { # what this machine reaches, by its proxies
  local bundle=/etc/ssl/certs/ca-certificates.crt
  reach bridge && proxied
  mount SSL_CERT_FILE "${SSL_CERT_FILE:-$bundle}" "$bundle"
}
access_github() { # GitHub's API, as the workflow
  access_outside
  pass GITHUB_TOKEN
}
access_sources() { # what `make fetch` reads, with the credentials for it, and data/snapshots/, writable
  local address=${DATABASE_URL:-} file
  access_outside
  # shellcheck disable=SC2086,SC2154  # words, of docker/environment.sh
  pass $sources
  if on_this_machine "$address" || on_this_machine "${AWS_ENDPOINT_URL:-}"; then reach host; fi
  mount GOOGLE_APPLICATION_CREDENTIALS "${GOOGLE_APPLICATION_CREDENTIALS:-}" /run/google.json
  file=/${address#sqlite:////}
  [[ $address != sqlite:////* ]] || [ ! -f "$file" ] || options+=(-v "$file:$file:ro")
  mkdir -p "$root/data/snapshots"
  options+=(-v "$root/data/snapshots:/src/data/snapshots")
}

# shellcheck disable=SC2154  # of docker/environment.sh
for each in $constants; do options+=(-e "$each"); done
pass USER CI NO_COLOR TERM COLUMNS
for name in $settings; do [ "$name" = RUNNER ] || pass "MODELMAKE_$name"; done # make in the image runs bare
# After these, because of a variable that is given twice the last value counts.
while [ "$1" != -- ]; do
  declare -F "access_$1" >/dev/null ||
    die "access '$1'" "unknown" "words of: $(compgen -A function access_ | sed 's/access_//' | paste -sd ' ' -)"
  "access_$1"
  shift
done
shift

image=$(image_name)
MODELMAKE_IMAGE_ID=$(docker image inspect -f '{{.Id}}' "$image") && export MODELMAKE_IMAGE_ID
mkdir -p "$root/build"
options+=(-v "$root:/src:$source")
pass MODELMAKE_IMAGE_ID
# Only a shell reads standard input; another command would consume the input of a loop around make.
[ "$1" != bash ] && [ ! -t 0 ] || options+=(--interactive)
[ -t 0 ] && [ -t 1 ] && options+=(--tty)

if [ "${GITHUB_ACTIONS:-}" = true ]; then
  for name in $github; do [[ $name == GITHUB_TOKEN || $name == REGISTRY_* ]] || pass "$name"; done
  for file in "${GITHUB_OUTPUT:-}" "${GITHUB_STEP_SUMMARY:-}"; do # a step writes its results there
    [ ! -f "$file" ] || options+=(-v "$file:$file")
  done
fi
[[ $product/ == "$root"/* ]] || options+=(-v "$product:$inside:ro") # a symbolic link
# A linked worktree or a submodule has its history outside of the checkout, at a path that the container may not have.
history_of() { # folder, variable
  local folder common
  folder=$(git -C "$1" rev-parse --path-format=absolute --git-dir 2>/dev/null) || return 0
  common=$(git -C "$1" rev-parse --path-format=absolute --git-common-dir)
  [[ $common/ != "$1"/* && $common != "$root"/* ]] || return 0
  options+=(-e "$2=$folder")
  [[ " ${options[*]} " == *" $common:$common:ro "* ]] || options+=(-v "$common:$common:ro")
}
history_of "$root" MODELMAKE_GIT_DIR
[ "$product" = "$root" ] || history_of "$product" MODELMAKE_PRODUCT_GIT_DIR
# The table, a file or a folder, may lie outside of the checkout (modelmake.config.why writes what the stages read).
while IFS= read -r table; do
  [[ $table != /* ]] || [ ! -e "$table" ] || options+=(-v "$table:$table:ro")
done < <(echo "${MODELMAKE_DATA:-}" && cat "$root/$receipts/names" 2>/dev/null)

[[ " ${networks[*]:-} " != *" host "* ]] || networks=(host) # it has a way to the others
options+=(--network "${networks[0]:-none}" ${proxies[@]+"${proxies[@]}"})
# An engine of another machine, or of the host of this container, has other files at the path of the checkout. To a
# rootless engine the caller is root, and the caller's id is another user.
# shellcheck disable=SC2016  # of the container
seeing=(sh -c '[ -e Makefile ] || { echo "error: docker: $0" >&2; exit 2; }; '\
'[ -w build ] || { echo "error: docker: $1" >&2; exit 2; }; shift; exec "$@"'
  "$unseen (mount it at the same path into the container that runs make, or RUNNER=host)"
  "a container cannot write build/, as with a rootless engine (an engine that runs as root, or RUNNER=host)")
[ ${#networks[@]} -gt 1 ] || exec docker run "${options[@]}" "$image" "${seeing[@]}" "$@"
made=$(docker create "${options[@]}" "$image" "${seeing[@]}" "$@")
for network in "${networks[@]:1}"; do
  docker network connect "$network" "$made" || { docker rm "$made" >/dev/null && exit 1; }
done
interactive=()
[ ! -t 0 ] || interactive=(--interactive)
exec docker start --attach ${interactive[@]+"${interactive[@]}"} "$made"
