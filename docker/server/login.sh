#!/usr/bin/env bash
# AUTH=1 adds a login to the compose server and TLS=1 a certificate; AUTH=0 and TLS=0 remove them again.
# Leaves .mlflow/password, .mlflow/tls.crt and .mlflow/tls.key, readable by the caller only. Needs docker, and image $1.
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
      echo "▸ up · creating a password for the user admin" >&2
      secret >.mlflow/password.part
      on_volume "$(project "")" "$image" login <.mlflow/password.part ||
        die login "failed, see above" "make up AUTH=1"
      mv .mlflow/password.part .mlflow/password
      [ "${GITHUB_ACTIONS:-}" = true ] || echo "password of admin, shown only once: $(cat .mlflow/password)" >&2
      echo "the password is in .mlflow/password; make train and the other targets read it there" >&2
    fi
    ;;
esac

case ${MODELMAKE_TLS:-} in
  0)
    for file in .mlflow/tls.crt .mlflow/tls.key; do
      [ ! -f "$file" ] || mv "$file" "$file.off"
    done
    ;;
  1)
    for file in .mlflow/tls.crt .mlflow/tls.key; do
      [ -f "$file" ] || [ ! -f "$file.off" ] || mv "$file.off" "$file"
    done
    if [ ! -f .mlflow/tls.key ]; then
      [ ! -f .mlflow/tls.crt ] || die .mlflow/tls.crt "has no tls.key beside it" "put both files there, or neither"
      output=$(certificate "$image" "$root/.mlflow" DNS:localhost,DNS:mlflow,IP:127.0.0.1 2>&1) ||
        die tls "no certificate: $(tail -1 <<<"$output")" "put tls.crt and tls.key into .mlflow/"
      echo "▸ up · created a certificate, which clients accept with" \
        "MLFLOW_TRACKING_SERVER_CERT_PATH=$root/.mlflow/tls.crt" >&2
    fi
    ;;
esac
