# shellcheck shell=bash  # docker/replay/reproduce.sh, parity.sh and demo.sh source this file
# A make in another checkout, with a server of its own, of which only the receipts stay.

# Leaves in ${there[@]} a make in checkout $1, with the words $2…; it gets none of the variables of this make but those
# that say where it runs. At the end `make distclean` removes its server.
make_in() {
  local name lock
  folder=$1
  there=(env -u MLFLOW_RUN_ID -u MLFLOW_TRACKING_URI make -C "$folder" MLFLOW_PORT=0 "${@:2}")
  # shellcheck disable=SC2154  # of docker/environment.sh
  for name in $settings; do
    case $name in RUNNER | PIPELINE | IMAGE_REPO | PYTHON) ;; *) there+=("$name=") ;; esac
  done
  # With the same lock the packages of this checkout serve, and make takes them for up to date.
  lock=$folder/$MODELMAKE_LOCK
  [ ! -e "$folder/requirements.txt" ] || lock=$folder/requirements.txt
  # shellcheck disable=SC2154  # of docker/lib.sh
  if cmp -s "$root/.venv/lock.txt" "$lock"; then
    touch -r "$root/.venv/lock.txt" "$lock"
    ln -s "$root/.venv" "$folder/.venv"
    echo /.venv >>"$folder/.git/info/exclude" # .gitignore has .venv/, which is no link
  fi
  trap sweep EXIT
}
# shellcheck disable=SC2329  # called by the trap
sweep() { # distclean removes the receipts too
  mv "$folder/build" "$folder.build" 2>/dev/null || true
  "${there[@]}" -s distclean >/dev/null 2>&1 || true
  mv "$folder.build" "$folder/build" 2>/dev/null || true
}
