#!/usr/bin/env bash
# AUTH=1 gives the compose server a login, TLS=1 a certificate; AUTH=0 and TLS=0 take them away. Both stay until then.
# Leaves .mlflow/password, .mlflow/tls.crt and .mlflow/tls.key, for the caller alone. Needs docker, and the image as $1.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
cd "$root"
umask 077
mkdir -p .mlflow
image=$1

case ${MODELMAKE_AUTH:-} in
  0) rm -f .mlflow/password ;;
  1)
    if [ ! -f .mlflow/password ]; then
      echo "▸ up · making a password for the user admin" >&2
      (LC_ALL=C tr -dc 'A-Za-z0-9' </dev/urandom 2>/dev/null || true) | head -c 32 >.mlflow/password.part
      on_volume "$(project "")" "$image" login <.mlflow/password.part || die login "failed, see above" "make up AUTH=1"
      mv .mlflow/password.part .mlflow/password
      [ "${GITHUB_ACTIONS:-}" = true ] || echo "password of admin, shown this once: $(cat .mlflow/password)" >&2
      echo "it stays in .mlflow/password; make train and the like take it from there" >&2
    fi
    ;;
esac

case ${MODELMAKE_TLS:-} in
  0) for each in crt key; do [ ! -f ".mlflow/tls.$each" ] || mv ".mlflow/tls.$each" ".mlflow/tls.$each.off"; done ;;
  1)
    for each in crt key; do [ -f ".mlflow/tls.$each" ] || [ ! -f ".mlflow/tls.$each.off" ] || mv ".mlflow/tls.$each.off" ".mlflow/tls.$each"; done
    if [ ! -f .mlflow/tls.key ]; then
      [ ! -f .mlflow/tls.crt ] || die .mlflow/tls.crt "has no tls.key beside it" "put both there, or neither"
      output=$(docker run "${sealed[@]}" --user "$(id -u):$(id -g)" -v "$root/.mlflow:/made" "$image" openssl req -x509 -quiet -nodes -days 825 -newkey ec \
        -pkeyopt ec_paramgen_curve:P-256 -subj /CN=localhost -addext "subjectAltName=DNS:localhost,DNS:mlflow,IP:127.0.0.1" \
        -keyout /made/tls.key -out /made/tls.crt 2>&1) || die tls "no certificate: $(tail -1 <<<"$output")" "put tls.crt and tls.key into .mlflow/"
      echo "▸ up · a certificate of its own: clients trust it by MLFLOW_TRACKING_SERVER_CERT_PATH=$root/.mlflow/tls.crt" >&2
    fi
    ;;
esac
