#!/usr/bin/env bash
# `backup` leaves the compose server's state in the archive $2, `restore` puts it back from there; the old state stays until
# the new one is checked. Needs docker with compose, and from the Makefile COMPOSE_PROJECT_NAME.
set -euo pipefail
cd "$(dirname "$0")/.."
verb=$1 archive=$2
die() { echo "error: $1: $2 ($3)" >&2; exit 2; }
[ "$RUNNING_IN" = docker ] || die "$verb" "is for the compose server" "without an engine the state is the folder .mlflow: copy that"
docker/image.sh build
container="$COMPOSE_PROJECT_NAME-mlflow-1"

case $verb in
  backup)
    docker/compose.sh ensure >/dev/null
    archive=${archive:-backups/mlflow-$(date -u +%Y%m%d-%H%M%S).tar.gz}
    echo "▸ backup · $archive"
    mkdir -p "$(dirname "$archive")"
    trap 'rm -f "$archive.part"' EXIT
    docker exec -i "$container" python - backup /mlflow <scripts/state.py >"$archive.part" || die backup "failed, see above" "make logs"
    mv "$archive.part" "$archive"
    ;;
  restore)
    [ -n "$archive" ] || die restore "which backup?" "make restore FROM=backups/…"
    [ -f "$archive" ] || die "$archive" "no such backup" "ls backups"
    echo "▸ restore · $archive"
    docker/compose.sh prepare
    docker compose stop >/dev/null 2>&1
    docker run --rm --interactive --network none --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \
      -v "${COMPOSE_PROJECT_NAME}_mlflow:/mlflow" -v "$PWD/scripts/state.py:/state.py:ro" "$(docker/image.sh name)" \
      python /state.py restore /mlflow <"$archive" || die "$archive" "not restored, the state is as it was; why stands above" "another backup?"
    docker/compose.sh ensure
    ;;
esac
