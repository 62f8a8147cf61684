#!/usr/bin/env bash
# Prints what this machine has, what is missing and how to fix it. Changes nothing; exit code 0 if a runner works.
# Needs nothing.
set -uo pipefail
. "$(dirname "$0")/../lib.sh"
cd "$root" || exit 1
line() { printf '%-5s%-10s%s\n' "$1" "$2" "$3"; }
check() { # name, how to fix it, command whose first line is the detail
  local name=$1 fix=$2 output
  shift 2
  output=$("$@" 2>/dev/null) && [ -n "$output" ] || { line miss "$name" "$fix" && return 1; }
  line ok "$name" "${output%%$'\n'*}"
}
version='import sys, venv, ensurepip
assert (3, 11) <= sys.version_info < (3, 14)
print(sys.executable, sys.version.split()[0])'
python() {
  for candidate in ${MODELMAKE_PYTHON:-python3.13 python3.12 python3.11 python3}; do
    "$candidate" -c "$version" && return
  done
  return 1
}
port=${MLFLOW_PORT:-$(cat .mlflow/port 2>/dev/null || echo 5000)}
port() { # free, or used by the server of this checkout
  local name
  is_port "$port" || return 1
  listening "$port" || { echo "$port is free" && return; }
  name=$(docker ps --filter "publish=$port" --format '{{.Names}}' 2>/dev/null)
  case $name in
    "$(project "")-mlflow-1" | "$(project "")-tls-1") ;;
    *) grep -Fxq "http://localhost:$port" .mlflow/server.url && kill -0 "$(cat .mlflow/server.pid)" || return 1 ;;
  esac
  echo "$port is used by the MLflow server of this checkout"
}
another() { if is_port "$port"; then next_port "$port"; else echo 5000; fi; }
room() { df -Pk . | awk 'NR == 2 && $4 > 4e6 { printf "%.0f GB free\n", $4 / 1e6 }'; }

check make "install GNU Make 3.81 or newer" make --version
check git "install git: hashes and provenance need it" git --version
check checkout "$(no_commit)" git rev-parse --short HEAD
check disk "less than 4 GB free: the image and its build need 4 GB" room
check port "port $port is taken or not valid: make up MLFLOW_PORT=$(another)" port
why=$(outdated)
[ -z "$why" ] || line miss lock "$why"
proxy=${HTTPS_PROXY:-${https_proxy:-none}}
line info network "proxy ${proxy##*@}, CA bundle ${SSL_CERT_FILE:-from the system}"
docker=0
engine() { ! podman && docker version -f '{{.Server.Version}}'; }
if check engine "$(no_engine)" engine; then
  check compose "install docker-compose-plugin, or: make engine" docker compose version --short && docker=1
  check buildx "install docker-buildx, or: make engine" docker buildx version || docker=0
fi
image() { docker image inspect -f '{{index .RepoTags 0}}' "$(image_name)"; }
folder() { visible "$(image_name)" >/dev/null 2>&1 && echo "the engine sees $root"; }
if [ $docker = 1 ] && check image "not built: make image" image; then
  check folder "$unseen" folder || docker=0
fi
host=0
check python "no Python 3.11 to 3.13 with venv: RUNNER=host does not work" python && host=1
# The system packages of a project are in its image; a run on the host needs them too.
apt() {
  local names name missing=
  names=$(system_packages 2>&1) || { line miss apt.txt "${names##*error: apt.txt: }" && return; }
  names=${names//$'\n'/ }
  [ -n "$names" ] || return 0
  command -v dpkg-query >/dev/null ||
    { line info apt.txt "no dpkg here, which would say whether RUNNER=host has: $names" && return; }
  for name in $names; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing+=" $name"
  done
  [ -n "$missing" ] || { line ok apt.txt "$names" && return; }
  line miss apt.txt "RUNNER=host needs: apt-get install$missing"
}
apt
case $docker$host in
  1?) echo "make all runs in the image" ;;
  01) echo "make all runs on the host" ;;
  *) echo "no runner works: install Docker, or Python 3.11 to 3.13 with venv" && exit 2 ;;
esac
