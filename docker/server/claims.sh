#!/usr/bin/env bash
# Leaves in build/lost the stages among its arguments whose run or version the tracking server no longer has, so that
# make runs them again. If the server does not answer, the receipts count, with a note. Needs what a stage needs.
set -euo pipefail
. "${0%/*}/../lib.sh"
cd "$root"
present=()
for stage in "$@"; do
  [ ! -f "$receipts/$stage.json" ] || present+=("$receipts/$stage.json")
done
if [ ${#present[@]} = 0 ]; then
  rm -f "$receipts/lost"
  exit
fi

runner=${MODELMAKE_RUNNER:-docker} store=/mlflow/mlflow.db
address=$(tracking_address)
kind=$(tr '[:upper:]' '[:lower:]' <<<"${address%%:*}")
claims=$product/scripts/modelmake/tracking/claims.py
in_container=(python -I -c "$(<"$claims")" "$store" "$@")
missing() { # prints those of the given stages whose run or version is gone
  # The programs read the address themselves, so that no process list shows its password.
  local project note
  case $runner/$kind in
    docker/)
      project=$(project "") # if its server runs, which docker exec finds out, only the program's own notes are printed
      if { note=$(docker exec -i "$project-mlflow-1" "${in_container[@]}" <<<"$claimed" 2>&1 >&3); } 3>&1; then
        [ -z "$note" ] || echo "$note" >&2
      elif docker volume inspect "${project}_mlflow" >/dev/null 2>&1; then
        docker run "${sealed[@]}" -v "${project}_mlflow:/mlflow" "$(image_name)" "${in_container[@]}"
      else
        printf '%s\n' "$@"
      fi
      ;;
    docker/http | docker/https)
      "$product/docker/run.sh" mlflow -- python -I "$inside/scripts/modelmake/tracking/claims.py" - "$@"
      ;;
    */http | */https) PATH="$root/.venv/bin:$PATH" python -I "$claims" - "$@" ;;
    */ | */sqlite)
      store=${address#sqlite:///}
      PATH="$root/.venv/bin:$PATH" python -I "$claims" "${store:-.mlflow/mlflow.db}" "$@"
      ;;
  esac
}
claimed=$(cat "${present[@]}")
lost=$(missing "$@" <<<"$claimed")
for stage in $lost; do
  echo "$stage: the tracking server no longer has what $receipts/$stage.json names"
done
[ "$lost" = "$(cat "$receipts/lost" 2>/dev/null)" ] || echo "$lost" >"$receipts/lost"
