#!/usr/bin/env bash
# The state of the compose server, on its volume: backup (to $2), restore and verify (from $2), gc, and settle, which makes
# it ready for a start and upgrades its tables. KEY names an age identity. Needs docker with compose and COMPOSE_PROJECT_NAME.
set -euo pipefail
cd "$(dirname "$0")/.."
verb=$1 archive=${2:-}
die() { echo "error: $1: $2 ($3)" >&2; exit 2; }
[ "${RUNNING_IN:-docker}" = docker ] || die "$verb" "is for the compose server" "without an engine the state is the folder .mlflow: copy that"
[ "$verb" = settle ] || docker/image.sh build
image=$(docker/image.sh name)
export BACKUP_KEY=""
on() { # a module of scripts/, where this project's volume is, and nothing else
  docker run --rm --interactive --network none --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \
    -e BACKUP_KEY -e FORCE -v "${COMPOSE_PROJECT_NAME}_mlflow:/mlflow" -v "$PWD/scripts:/src/scripts:ro" "$image" python -m "scripts.$1" "${@:2}" /mlflow
}
key() { # a new one only for a backup; whoever reads one has it
  [ -n "${KEY:-}" ] || return 0
  if [ "$verb" = backup ] && [ ! -e "$KEY" ]; then
    (umask 077 && docker run --rm --network none "$image" python -c 'import pyrage; print(pyrage.x25519.Identity.generate())' >"$KEY")
    echo "▸ backup · made the key $KEY: keep it elsewhere, no backup opens without it" >&2
  fi
  BACKUP_KEY=$(cat "$KEY") || die "KEY=$KEY" "cannot be read" "the file that make backup KEY=… made"
}
given() { # the archive to read
  [ -n "$archive" ] || die "$verb" "which backup?" "make $verb FROM=backups/…"
  [ -f "$archive" ] || die "$archive" "no such backup" "ls backups"
  echo "▸ $verb · $archive"
  key
}
keep() { # the state, in $archive
  echo "▸ backup · $archive" >&2
  umask 077 && mkdir -p "$(dirname "$archive")"
  trap 'rm -f "$archive.part"' EXIT
  on state backup >"$archive.part" || die backup "failed, see above" "is there room? make logs"
  mv "$archive.part" "$archive"
}

case $verb in
  backup)
    key
    docker/compose.sh ensure >/dev/null
    archive=${archive:-backups/mlflow-$(date -u +%Y%m%d-%H%M%S).tar.gz${KEY:+.age}}
    keep
    ;;
  restore)
    given
    docker/compose.sh prepare
    { on state stage <"$archive" >/dev/null && docker/compose.sh stop && on state swap; } || # the server goes on until it is checked
      die "$archive" "not restored, the state is as it was; why stands above" "another backup?"
    docker/compose.sh ensure
    ;;
  verify-backup)
    given
    export SCRATCH=1 MLFLOW_PORT=0 MLFLOW_WORKERS=1 COMPOSE_PROJECT_NAME="$COMPOSE_PROJECT_NAME-verify"
    trap 'docker/compose.sh discard; rm -f build/verify.json' EXIT
    mkdir -p build
    { on state stage <"$archive" >build/verify.json && on state swap; } || die "$archive" "is no backup to rely on; why stands above" "make backup"
    env -u MLFLOW_TRACKING_URI docker/run.sh mlflow python -m scripts verify
    ;;
  gc)
    docker/compose.sh ensure >/dev/null
    on gc
    ;;
  settle)
    docker volume inspect "${COMPOSE_PROJECT_NAME}_mlflow" >/dev/null 2>&1 || exit 0
    docker/compose.sh stop
    case $(on state settle) in
      current) ;;
      newer) die "the server's database" "was made by a newer MLflow than this image holds, and is left as it is" "take the newer modelmake again, or make restore" ;;
      older)
        archive=backups/before-upgrade-$(date -u +%Y%m%d-%H%M%S).tar.gz
        echo "▸ up · the server's tables are of an older MLflow: backup, then mlflow db upgrade" >&2
        keep
        on state upgrade || die "mlflow db upgrade" "failed, the database is as it was; why stands above" "take the older modelmake again; $archive holds the state too"
        ;;
      *) die "the server's volume" "cannot be made ready, why stands above" "make restore, or make distclean" ;;
    esac
    ;;
esac
