# shellcheck shell=bash disable=SC2034,SC2154  # the scripts that source this file use and set the variables
# Sourced first by every script here: starts it again in a clean environment (docker/shell), unless it is in one, and
# defines the functions and options that the scripts share. Leaves $root, the project; $product, modelmake itself; and
# $inside, where a container has modelmake. Without GIT_DIR and the like, git works on no repository except the one that
# a command names.
[ "${MODELMAKE_CLEAN:-}" = $$ ] || exec "${BASH_SOURCE[0]%/*}/shell" "$0" "$@"
product=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd -P)
root=$MODELMAKE_ROOT inside=/src
[ "$MODELMAKE_PRODUCT" = . ] || inside=/src/.modelmake
. "$product/docker/environment.sh"

die() { # where, what, how to fix it
  echo "error: $1: $2 ($3)" >&2
  exit 2
}

on() { [ "${!1:-}" = 1 ]; }
is_port() { [[ $1 =~ ^[0-9]{1,5}$ ]] && [ "$((10#$1))" -le 65535 ]; }

# Ends with one line if the variable $1 has no value of the kind $2, which the Makefile names. A switch becomes 1 or
# empty, and a toggle also 0.
check() {
  local value=${!1:-} name=${1#MODELMAKE_} choices=${2//|/, }
  read -r value <<<"$value" || true
  case $value:$2 in
    :* | *:text | *:path) return ;;
    [Tt][Rr][Uu][Ee]:switch | [Yy][Ee][Ss]:switch | [Tt][Rr][Uu][Ee]:toggle | [Yy][Ee][Ss]:toggle) value=1 ;;
    [Ff][Aa][Ll][Ss][Ee]:toggle | [Nn][Oo]:toggle) value=0 ;;
    [Ff][Aa][Ll][Ss][Ee]:switch | [Nn][Oo]:switch | 0:switch) value= ;;
    [01]:switch | [01]:toggle) ;;
    *:switch | *:toggle) die "$name=$value" "not yes or no" "1, true or yes; 0, false, no or empty" ;;
    *:port)
      is_port "$value" || die "$name=$value" "not a port" "use a number up to 65535; 0 is any free port"
      value=$((10#$value))
      ;;
    *:number)
      [[ $value =~ ^[1-9][0-9]{0,3}$ && $value -le 1024 ]] ||
        die "$name=$value" "not a number from 1 to 1024" "leave it out for the default"
      ;;
    *) [[ "|$2|" == *"|$value|"* ]] || die "$name=$value" "unknown" "${choices%, *} or ${choices##*, }" ;;
  esac
  export "$1=$value"
}
check_all() {
  local each
  # shellcheck disable=SC2154  # of docker/environment.sh
  for each in $kinds; do check "MODELMAKE_${each%%=*}" "${each#*=}"; done
  check CI switch
}
check_all

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; } # port
next_port() { # the next one after $1 that is free, and not the usual one of another server here
  local port=$1
  while ((port += 1)) && [[ " 3000 5000 5001 9090 " == *" $port "* ]] || listening "$port"; do :; done
  echo "$port"
}
taken() { # port, the command that chooses another one, and that one if it is not the next free one
  local name holder="another program"
  name=$(docker ps --filter "publish=$1" --format '{{.Names}}' 2>/dev/null | head -1) || true
  [ -z "$name" ] || holder="the container $name"
  die "port $1" "taken by $holder" "$2=${3:-$(next_port "$1")}"
}

podman() { [[ $(docker version -f '{{range .Server.Components}}{{.Name}} {{end}}' 2>/dev/null) == *Conmon* ]]; }
no_engine() { # prints why no engine answers, and the fix
  local join="sudo usermod -aG docker \"\$USER\", and log in again"
  case $(docker version 2>&1) in
    *"permission denied"*) echo "this user may not use the Docker socket ($join)" ;;
    *Conmon*) echo "Podman answers, and modelmake needs Docker's engine (start Docker, or RUNNER=host)" ;;
    *) echo "no Docker engine answers (start it, or install one: make engine)" ;;
  esac
}
no_commit() { # prints why git finds no commit in this checkout, and the fix
  local trust="git config --global --add safe.directory '$root'"
  case $(git -C "$root" rev-parse --verify HEAD 2>&1 >/dev/null) in
    *"dubious ownership"*) echo "git does not read this folder, which belongs to another user ($trust)" ;;
    *"not a git repository"*) echo "not a git checkout (git clone it; a downloaded archive has no commits)" ;;
    *) echo "no commit yet (git add -A && git commit)" ;;
  esac
}

# Ends with one line if the engine does not see this checkout. Needs the image $1.
visible() {
  docker run "${sealed[@]}" -v "$root:/src:ro" "$1" test -e /src/Makefile </dev/null >/dev/null 2>&1 ||
    die docker "$unseen" "mount it at the same path into the container that runs make, or RUNNER=host"
}
# shellcheck disable=SC2034
unseen="the engine does not see the folder $root"

# The compose project of this checkout, or of its scratch server $1.
project() {
  local hash
  hash=$(git hash-object --stdin <<<"$root") && echo "modelmake-${hash:0:8}${1:+-$1}"
}

# Runs the script $2 of modelmake in the checkout $1, of any commit, with the words $3 …
of_checkout() {
  local place=.modelmake
  [ -e "$1/$place/Makefile" ] || place=.
  MODELMAKE_ROOT=$1 MODELMAKE_PRODUCT=$place "$1/$place/$2" "${@:3}"
}

# The lock of modelmake, as the first line of a project's lock names it.
product_lock() { git -C / hash-object --no-filters "$product/docker/requirements.txt" | cut -c 1-12; }
outdated() { # prints why the project's lock does not count, and the fix
  local first
  [ "$MODELMAKE_LOCK" = requirements.txt ] || return 0
  read -r first <"$root/requirements.txt" || :
  [ "${first##* }" = "$(product_lock)" ] ||
    echo "requirements.txt: was made from another lock of modelmake than that in .modelmake (make lock)"
}

# Prints the names of Debian packages in the text $2, one a line, without comments. $1 says where the text is.
debian_packages() {
  local name
  awk '{ sub(/#.*/, "") } { for (i = 1; i <= NF; i++) print $i }' <<<"${2//$'\r'/}" | while read -r name; do
    [[ $name =~ ^[a-z0-9][a-z0-9+.-]*[a-z0-9+]$ ]] ||
      die "$1" "'$name' is not the name of a Debian package" "write names, such as libgomp1"
    echo "$name"
  done
}
# Those of the project.
system_packages() {
  [ "$MODELMAKE_PRODUCT" = . ] || [ ! -f "$root/apt.txt" ] || debian_packages apt.txt "$(cat "$root/apt.txt")"
}

image_name() { "$product/docker/image/image.sh" name; }

# The folder with the receipts of the pipeline that PIPELINE names (docker/runner.mk).
receipts=build
[ "${MODELMAKE_PIPELINE:-pipeline.toml}" = pipeline.toml ] || receipts=build/${MODELMAKE_PIPELINE%.toml}

# Copies the snapshots of tables, which GitHub fetches, to the checkout $1.
snapshots() { [ ! -d "$root/data/snapshots" ] || { mkdir -p "$1/data" && cp -R "$root/data/snapshots" "$1/data/"; }; }

# Options of a container without privileges, and of one that also reaches no network. The engine's configuration may
# name proxies for every container; a container that talks only to the local server gets none.
closed=(--read-only --cap-drop ALL --security-opt no-new-privileges)
sealed=(--rm --interactive --network none --tmpfs /tmp "${closed[@]}")
no_proxies=(-e HTTP_PROXY= -e HTTPS_PROXY= -e http_proxy= -e https_proxy=)

# Compose on the files ${files[@]}, for the project $project. It reads only what is named here, not the user's .env.
compose() {
  MODELMAKE_FOLDER=$product MODELMAKE_INSIDE=$inside \
    docker compose --env-file /dev/null --project-directory "$root" --project-name "$project" "${files[@]}" "$@"
}
compose_logs() { # compose writes control sequences of a terminal also into files
  if [ -t 1 ]; then
    compose logs "$@"
  else
    compose logs --no-color "$@" | awk '{ gsub(/\033\[[0-9;?]*[A-Za-z]/, ""); print; fflush() }'
  fi
}
# Starts the services, with more options of compose; $1 and $2 are those of taken.
compose_up() {
  local output
  docker compose version >/dev/null 2>&1 ||
    die docker "no compose plugin" "install docker-compose-plugin, or: make engine"
  [ -z "${MODELMAKE_IMAGE:-}" ] || visible "$MODELMAKE_IMAGE"
  output=$(compose up --detach --remove-orphans --quiet-pull "${@:3}" 2>&1) && return
  case $output in
    *"port is already allocated"* | *"address already in use"*)
      compose rm --force --stop >/dev/null 2>&1 || true
      taken "$1" "$2"
      ;;
  esac
  compose_logs --tail 20 >&2 || true
  die compose "$(tail -1 <<<"$output")" "see the log above; make doctor checks this machine"
}

# The address of the user's MLflow server; "" stands for the local one.
tracking_address() {
  local address=${MLFLOW_TRACKING_URI:-}
  echo "${address//[[:space:]]/}"
}
# Ends if the caller's shell selects a place that modelmake does not use: Python does the same for a server of the user.
only_known_places() {
  [ -z "${MODELMAKE_REFUSED:-}" ] || die "${MODELMAKE_REFUSED%% *}" "selects a place that modelmake does not use" \
    "unset it; MLFLOW_TRACKING_URI, MLFLOW_WORKSPACE and the keys of pipeline.toml select it"
}
reachable() { # address, from a container
  [[ $1 != sqlite:* ]] ||
    die MLFLOW_TRACKING_URI "a container cannot reach an SQLite file of this machine" "http://…, or RUNNER=host"
}
# Prints the names of the variables of S3, where the tracking server is the user's, whose experiments may keep artifacts
# there, and the lock has the package with which MLflow reads and writes them.
bucket() {
  [ -z "$(tracking_address)" ] || ! grep -q '^boto3==' "$root/$MODELMAKE_LOCK" ||
    echo AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_DEFAULT_REGION AWS_REGION AWS_ENDPOINT_URL
}
local_login() { # of `make up AUTH=1`, unless the caller has another one
  [ -f "$root/.mlflow/password" ] || return 0
  export MLFLOW_TRACKING_USERNAME=${MLFLOW_TRACKING_USERNAME:-admin}
  export MLFLOW_TRACKING_PASSWORD=${MLFLOW_TRACKING_PASSWORD:-$(cat "$root/.mlflow/password")}
}
secret() { { LC_ALL=C tr -dc 'A-Za-z0-9' </dev/urandom 2>/dev/null || true; } | head -c 32; }

on_this_machine() { # address
  local host
  host=${1#*://} host=$(tr '[:upper:]' '[:lower:]' <<<"${host##*@}")
  [[ $host =~ ^((.*\.)?localhost|127(\.[0-9]+){3}|0\.0\.0\.0|\[::1\])([:/]|$) ]]
}

# Leaves tls.crt and tls.key, signed by themselves, for the names $3 in the folder $2. Needs the image $1.
certificate() {
  docker run "${sealed[@]}" --user "$(id -u):$(id -g)" -v "$2:/made" "$1" \
    openssl req -x509 -quiet -nodes -days 825 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=localhost \
    -addext "subjectAltName=$3" -keyout /made/tls.key -out /made/tls.crt
}

# Runs the verb $3 on the volume of project $1, in image $2, with access to nothing else.
on_volume() {
  local copy code=0 options
  mkdir -p "$root/build" && copy=$(mktemp -d "$root/build/.scripts.XXXXXX")
  # The volume's owner, another user, reads the copy.
  cp -R "$product/scripts" "$copy" && chmod -R a+rX "$copy"
  options=(-e PYTHONPATH=/src/scripts -e BACKUP_KEY -e MODELMAKE_FORCE
    -v "$1_mlflow:/mlflow" -v "$copy/scripts:/src/scripts:ro")
  docker run "${sealed[@]}" "${options[@]}" "$2" python -W ignore -m modelmake "$3" "${@:4}" /mlflow || code=$?
  rm -rf "$copy"
  return $code
}
