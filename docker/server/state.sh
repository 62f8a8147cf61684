#!/usr/bin/env bash
# The state of the compose server, on its volume: backup (to $2), restore and verify-backup (from $2), gc, and settle,
# which prepares a start and upgrades the tables. --scratch NAME selects a scratch server (docker/server/compose.sh).
# Needs docker with compose.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
cd "$root"
scratch=
[ "$1" != --scratch ] || { scratch=$2 && shift 2; }
verb=$1 archive=${2:-}
compose=("$product/docker/server/compose.sh" ${scratch:+--scratch "$scratch"})
key_file=${MODELMAKE_KEY:-} # an age identity
[ "${MODELMAKE_RUNNER:-docker}" = docker ] ||
  die "$verb" "is for the compose server" "without an engine the state is the folder .mlflow: copy that folder"
[ "$verb" = settle ] || "$product/docker/image/image.sh" build
image=$(image_name)
export BACKUP_KEY=""
on_state() { on_volume "$(project "$scratch")" "$image" "$@"; }
key() { # only backup creates a missing key
  [ -n "$key_file" ] || return 0
  if [ "$verb" = backup ] && [ ! -e "$key_file" ]; then
    hidden_from_git ||
      die "KEY=$key_file" "git would add a key at that place to the repository" \
        "KEY=.mlflow/backup.key, or a path outside of the repository"
    local generate='import pyrage; print(pyrage.x25519.Identity.generate())'
    (umask 077 && docker run "${sealed[@]}" "$image" python -c "$generate" >"$key_file.part")
    mv "$key_file.part" "$key_file"
    echo "▸ backup · created the key $key_file: keep a copy elsewhere, because no backup opens without it" >&2
  fi
  hidden_from_git ||
    echo "warning: git would add the key $key_file to the repository; move it to .mlflow/, or out of the checkout" >&2
  BACKUP_KEY=$(cat "$key_file") || die "KEY=$key_file" "cannot be read" "name the file that make backup KEY=… created"
}
hidden_from_git() { # otherwise `git add -A` would publish the key
  local folder output
  folder=$(cd "$(dirname "$key_file")" 2>/dev/null && pwd -P) ||
    die "KEY=$key_file" "no such folder" "mkdir -p $(dirname "$key_file")"
  if ! output=$(git -C "$folder" rev-parse --is-inside-work-tree 2>&1); then
    [[ $output == *"not a git repository"* ]] && return 0
    return 1 # an error of git: the key may not be ignored
  fi
  git -C "$folder" check-ignore -q "$folder/$(basename "$key_file")" || return 1
  [ -e "$key_file" ] || echo "note: $key_file is inside the checkout, where git ignores it" >&2
}
select_archive() { # the backup to read, and its key
  [ -n "$archive" ] || die "$verb" "no backup is given" "make $verb FROM=backups/…"
  [ -f "$archive" ] || die "$archive" "no such backup" "ls backups lists the backups"
  echo "▸ $verb · $archive"
  key
}
save_state() { # to $archive; replaces an older backup but no other file
  local start
  start=$(head -c 21 "$archive" 2>/dev/null | tr -d '\0' || true)
  [ ! -e "$archive" ] || [[ -f $archive && ($start == $'\x1f\x8b'* || $start == age-encryption.org/*) ]] ||
    die "TO=$archive" "exists and is not a backup" "name another file"
  echo "▸ backup · $archive" >&2
  umask 077 && mkdir -p "$(dirname "$archive")"
  trap 'rm -f "$archive.part"' EXIT
  on_state archive backup >"$archive.part" || exit 2
  mv "$archive.part" "$archive"
}

case $verb in
  backup)
    key
    "${compose[@]}" ensure >/dev/null
    archive=${archive:-backups/mlflow-$(date -u +%Y%m%d-%H%M%S).tar.gz${key_file:+.age}}
    save_state
    ;;
  restore)
    select_archive
    "${compose[@]}" prepare
    # The server runs until the backup is unpacked and checked.
    { on_state archive stage <"$archive" >/dev/null && "${compose[@]}" stop && on_state archive swap; } || exit 2
    "${compose[@]}" ensure
    ;;
  verify-backup)
    select_archive
    scratch=${scratch:+$scratch-}verify
    trap '"$product/docker/server/compose.sh" --scratch "$scratch" discard; rm -f build/verify.json' EXIT
    mkdir -p build
    { on_state archive stage <"$archive" >build/verify.json && on_state archive swap; } || exit 2
    "$product/docker/run.sh" --scratch "$scratch" mlflow -- python -m modelmake verify
    ;;
  gc)
    "${compose[@]}" ensure >/dev/null
    on_state gc
    ;;
  settle)
    docker volume inspect "$(project "$scratch")_mlflow" >/dev/null 2>&1 || exit 0
    "${compose[@]}" stop
    case $(on_state archive settle) in
      current) ;;
      newer)
        die "the server's database" "was written by a newer MLflow than the one in this image; it is unchanged" \
          "use the newer modelmake again"
        ;;
      older)
        archive=backups/before-upgrade-$(date -u +%Y%m%d-%H%M%S).tar.gz
        echo "▸ up · the server's tables are from an older MLflow: backup, then mlflow db upgrade" >&2
        save_state
        on_state archive upgrade || exit 2
        ;;
      *) exit 2 ;; # the line above names the reason
    esac
    ;;
  *) die "state.sh $verb" "unknown" "backup, restore, verify-backup, gc or settle" ;;
esac
