#!/usr/bin/env bash
# Leaves a running Docker engine with compose and buildx on Debian or Ubuntu; a second run changes nothing.
# Needs root and the distribution's packages; starts dockerd itself if no service manager runs.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
plugins() { docker compose version && docker buildx version; } >/dev/null 2>&1
answers() { docker info >/dev/null 2>&1; }
answers && plugins && echo "engine: already installed ($(docker version -f '{{.Server.Version}}'))" && exit

command -v apt-get >/dev/null || die engine "no apt-get on this machine" \
  "install Docker: https://docs.docker.com/engine/install"
[ "$(id -u)" = 0 ] || die engine "needs root" "sudo make engine"
export DEBIAN_FRONTEND=noninteractive
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
apt() {
  apt-get -qy -o Dpkg::Use-Pty=0 "$@" >>"$scratch/log" 2>&1 && return
  tail -5 "$scratch/log" >&2
  die apt "apt-get $1 failed" "see its last lines above"
}
offered() { # prints the package $1 if the distribution has it; version 1 of compose does not count
  local candidate
  candidate=$(apt-cache policy "$1" 2>/dev/null | grep -E 'Candidate: (1:)?[0-9]') || return
  ! grep -q "Candidate: 1\.[0-9]" <<<"$candidate" && echo "$1"
}

# Debian 12 has neither plugin; those of Debian 13 run there too, and come from the same mirror.
from_trixie() {
  local release name sources=/etc/apt/sources.list.d/debian.sources
  release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
  [ -f "$sources" ] || sources=/etc/apt/sources.list
  [ -f "$sources" ] || die engine "no Debian package sources in /etc/apt" \
    "install Docker's compose and buildx plugins by hand"
  mkdir -p "$scratch"/{lists,cache/archives}/partial /usr/local/lib/docker/cli-plugins
  sed "s/\b$release/trixie/g" "$sources" >"$scratch/trixie.${sources##*.}"
  local options=(-o "Dir::Etc::sourcelist=$scratch/trixie.${sources##*.}" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::lists=$scratch/lists" -o "Dir::Cache=$scratch/cache" -o APT::Sandbox::User=root)
  apt update "${options[@]}"
  for name in docker-compose docker-buildx; do
    (cd "$scratch" && apt download "${options[@]}" "$name" && dpkg-deb -x "$name"_*.deb "$scratch/$name")
    install "$scratch/$name/usr/libexec/docker/cli-plugins/$name" /usr/local/lib/docker/cli-plugins/
  done
}

start() {
  if [ -d /run/systemd/system ]; then
    systemctl start docker
  else
    setsid nohup dockerd >/var/log/dockerd.log 2>&1 </dev/null &
  fi
  for _ in $(seq 60); do
    answers && return
    sleep 1
  done
  tail -5 /var/log/dockerd.log >&2 || true
  die engine "dockerd does not answer" "see /var/log/dockerd.log"
}

echo "▸ engine · installing Docker from the distribution's packages (a minute)"
apt update
packages=(docker.io iptables)
command -v docker >/dev/null || ! offered docker-cli >/dev/null || packages+=(docker-cli)
apt install --no-install-recommends "${packages[@]}"
if ! plugins; then
  compose=$(offered docker-compose-v2 || offered docker-compose || true)
  buildx=$(offered docker-buildx || true)
  if [ -n "$compose" ] && [ -n "$buildx" ]; then
    apt install --no-install-recommends "$compose" "$buildx"
  else
    from_trixie
  fi
fi
answers || start
plugins || die engine "compose or buildx does not run" "try: docker compose version; docker buildx version"
echo "engine: $(docker version -f '{{.Server.Version}}') answers"
