#!/usr/bin/env bash
# The state of the compose server, on its volume: backup (to $2), restore and verify-backup (from $2), gc, and settle,
# which makes it ready for a start and upgrades its tables. --scratch NAME is that server (docker/server/compose.sh). Needs docker with compose.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
cd "$root"
scratch=
[ "$1" != --scratch ] || { scratch=$2 && shift 2; }
verb=$1 archive=${2:-}
compose=(docker/server/compose.sh ${scratch:+--scratch "$scratch"})
key_file=${MODELMAKE_KEY:-} # an age identity
[ "${MODELMAKE_RUNNER:-docker}" = docker ] || die "$verb" "is for the compose server" "without an engine the state is the folder .mlflow: copy that"
[ "$verb" = settle ] || docker/image/image.sh build
image=$(docker/image/image.sh name)
export BACKUP_KEY=""
on_state() { on_volume "$(project "$scratch")" "$image" "$@"; }
key() { # a new one only for a backup; whoever reads one has it
  [ -n "$key_file" ] || return 0
  if [ "$verb" = backup ] && [ ! -e "$key_file" ]; then
    keep_out_of_git || die "KEY=$key_file" "git would add a key at that place to the repository" "KEY=.mlflow/backup.key, or a place outside"
    (umask 077 && docker run "${sealed[@]}" "$image" python -c 'import pyrage; print(pyrage.x25519.Identity.generate())' >"$key_file.part")
    mv "$key_file.part" "$key_file"
    echo "▸ backup · made the key $key_file: keep a copy elsewhere, no backup opens without it" >&2
  fi
  keep_out_of_git || echo "warning: git would add the key $key_file to the repository; move it to .mlflow/, or out of the checkout" >&2
  BACKUP_KEY=$(cat "$key_file") || die "KEY=$key_file" "cannot be read" "the file that make backup KEY=… made"
}
keep_out_of_git() { # one `git add -A` would publish the key
  local folder output
  folder=$(cd "$(dirname "$key_file")" 2>/dev/null && pwd -P) || die "KEY=$key_file" "no such folder" "mkdir -p $(dirname "$key_file")"
  output=$(git -C "$folder" rev-parse --is-inside-work-tree 2>&1) ||
    { [[ $output == *"not a git repository"* ]] && return 0 || return 1; } # git may not say, and so may not ignore it
  git -C "$folder" check-ignore -q "$folder/$(basename "$key_file")" || return 1
  [ -e "$key_file" ] || echo "note: $key_file is inside the checkout, where git ignores it" >&2
}
given() { # the archive to read
  [ -n "$archive" ] || die "$verb" "which backup?" "make $verb FROM=backups/…"
  [ -f "$archive" ] || die "$archive" "no such backup" "ls backups"
  echo "▸ $verb · $archive"
  key
}
keep() { # the state, in $archive; only an older backup is replaced
  local start
  start=$(head -c 21 "$archive" 2>/dev/null | tr -d '\0' || true)
  [ ! -e "$archive" ] || [[ -f $archive && ($start == $'\x1f\x8b'* || $start == age-encryption.org/*) ]] ||
    die "TO=$archive" "is there already, and is no backup" "name another file"
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
    keep
    ;;
  restore)
    given
    "${compose[@]}" prepare
    { on_state archive stage <"$archive" >/dev/null && "${compose[@]}" stop && on_state archive swap; } || exit 2 # the server goes on until it is checked
    "${compose[@]}" ensure
    ;;
  verify-backup)
    given
    scratch=${scratch:+$scratch-}verify
    trap 'docker/server/compose.sh --scratch "$scratch" discard; rm -f build/verify.json' EXIT
    mkdir -p build
    { on_state archive stage <"$archive" >build/verify.json && on_state archive swap; } || exit 2
    docker/run.sh --scratch "$scratch" mlflow python -m scripts verify
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
      newer) die "the server's database" "was made by a newer MLflow than this image holds, and is left as it is" "take the newer modelmake again" ;;
      older)
        archive=backups/before-upgrade-$(date -u +%Y%m%d-%H%M%S).tar.gz
        echo "▸ up · the server's tables are of an older MLflow: backup, then mlflow db upgrade" >&2
        keep
        on_state archive upgrade || exit 2
        ;;
      *) exit 2 ;; # and the line above says why
    esac
    ;;
esac
