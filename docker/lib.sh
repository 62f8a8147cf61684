# shellcheck shell=bash disable=SC2034  # for those who source this
# What every script here begins with: nothing of the caller's environment but what docker/environment.sh lists, and the
# few words that all of them use. Sourced; leaves $root, and works with git on no repository but the one that it is told.
for name in $(compgen -A function); do builtin unset -f "$name"; done
unset -v CDPATH POSIXLY_CORRECT IFS root
set +o posix +o noclobber +o noglob +o allexport
root=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd -P)
. "$root/docker/environment.sh"
junk=$(for name in $(compgen -e); do [[ " PWD OLDPWD SHLVL ${allowed//$'\n'/ } " == *" $name "* ]] || echo "$name"; done)
for name in $junk; do unset -v "$name" 2>/dev/null || export -n "${name?}"; done # bash lets nobody unset SHELLOPTS
. "$root/docker/environment.sh" # once more: a variable of the caller's may have had one of its names
# shellcheck disable=SC2086,SC2163  # words
export $constants no_proxy NO_PROXY

die() { # where, what, how to mend it
  echo "error: $1: $2 ($3)" >&2
  exit 2
}

# Make has read its switches already; a script that is called by hand gets the same words.
for name in MODELMAKE_{FORCE,FOLLOW,UPGRADE,AUTH,TLS} CI; do
  case ${!name:-} in
    "" | 0 | 1) ;;
    [Tt][Rr][Uu][Ee] | [Yy][Ee][Ss]) export "$name=1" ;;
    [Ff][Aa][Ll][Ss][Ee] | [Nn][Oo]) export "$name=0" ;;
    *) die "$name=${!name}" "neither a yes nor a no" "1, true or yes; 0, false, no or empty" ;;
  esac
done
on() { [ "${!1:-}" = 1 ]; }

is_port() { [[ $1 =~ ^[0-9]{1,5}$ ]] && [ "$((10#$1))" -le 65535 ]; }
check_port() { # Kubernetes sets MLFLOW_PORT too, where a service has that name
  is_port "$1" || die "MLFLOW_PORT=$1" "not a port" "a number up to 65535; 0 is any free port"
}

# The compose project of this checkout, or of a scratch server of its own by the name $1.
project() { echo "modelmake-$(git hash-object --stdin <<<"$root" | cut -c1-8)${1:+-$1}"; }

# Options of a container that gets no privileges, and of one that reaches nothing either. The engine's configuration
# may name proxies for every container; what talks to our own server alone gets none.
closed=(--read-only --cap-drop ALL --security-opt no-new-privileges)
sealed=(--rm --interactive --network none --tmpfs /tmp "${closed[@]}")
no_proxies=(-e HTTP_PROXY= -e HTTPS_PROXY= -e http_proxy= -e https_proxy=)

# Runs module $3 of scripts/ where the volume of project $1 is, in image $2 and with nothing else in reach.
on_volume() {
  local copy
  mkdir -p "$root/build" && copy=$(mktemp -d "$root/build/.scripts.XXXXXX")
  cp -R "$root/scripts" "$copy" && chmod -R a+rX "$copy" # it runs as the volume's owner, whatever the caller's umask
  local code=0
  docker run "${sealed[@]}" -e BACKUP_KEY -e MODELMAKE_FORCE -v "$1_mlflow:/mlflow" -v "$copy/scripts:/src/scripts:ro" "$2" \
    python -W ignore -m scripts "$3" "${@:4}" /mlflow || code=$?
  rm -rf "$copy"
  return $code
}
