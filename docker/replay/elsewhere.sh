# shellcheck shell=bash  # docker/replay/reproduce.sh, parity.sh and demo.sh source this file
# A make in another checkout, with a server of its own, of which only the receipts stay.

# Leaves in ${there[@]} a make in checkout $1, with the words $2…; it gets none of the variables of this make but those
# that say where it runs. At the end `make distclean` removes its server.
make_in() {
  local name
  folder=$1
  there=(env -u MLFLOW_RUN_ID -u MLFLOW_TRACKING_URI make -C "$folder" MLFLOW_PORT=0 "${@:2}")
  # shellcheck disable=SC2154  # of docker/environment.sh
  for name in $settings; do
    case $name in RUNNER | PIPELINE | IMAGE_REPO | PYTHON) ;; *) there+=("$name=") ;; esac
  done
  # On the host the packages of this checkout serve, if its lock is the same: make takes them for up to date.
  if cmp -s "$root/.venv/lock.txt" "$folder/docker/requirements.txt"; then
    touch -r "$root/.venv/lock.txt" "$folder/docker/requirements.txt"
    ln -s "$root/.venv" "$folder/.venv"
    echo /.venv >>"$folder/.git/info/exclude" # git takes .venv/ for a folder only
  fi
  trap sweep EXIT
}
# shellcheck disable=SC2329  # called by the trap
sweep() { # distclean removes the receipts too
  mv "$folder/build" "$folder.build" 2>/dev/null || true
  "${there[@]}" -s distclean >/dev/null 2>&1 || true
  mv "$folder.build" "$folder/build" 2>/dev/null || true
}
