#!/usr/bin/env bash
# The Dask cluster of this checkout: up, which makes its certificate and starts WORKERS workers, and down. Needs docker
# with compose.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
cd "$root"
project="$(project "")-cluster" state=.cluster
MODELMAKE_CHECKOUT=$project MODELMAKE_USER="$(id -u):$(id -g)"
export MODELMAKE_CHECKOUT MODELMAKE_USER
# shellcheck disable=SC2034  # of compose
files=(-f "$product/docker/cluster/cluster.yaml" --progress quiet)
# Return when so many workers ($1) have registered.
joined() {
  compose exec -T scheduler python - "$1" <<<'
import sys
from distributed import Client, Security
tls = {"tls_ca_file": "/cluster/tls.crt", "tls_client_cert": "/cluster/tls.crt", "tls_client_key": "/cluster/tls.key"}
with Client("tls://scheduler:8786", security=Security(**tls), timeout=60) as client:
    client.wait_for_workers(int(sys.argv[1]), timeout=120)
' 2>&1
}
case $1 in
  up)
    workers=${MODELMAKE_WORKERS:-2}
    MODELMAKE_IMAGE=$(image_name) && export MODELMAKE_IMAGE
    echo "▸ cluster · starting a scheduler and $workers workers" >&2
    mkdir -p "$state" && chmod 700 "$state"
    certificate "$MODELMAKE_IMAGE" "$root/$state" DNS:scheduler
    compose_up "" "" --force-recreate --scale "worker=$workers"
    output=$(joined "$workers") ||
      die "the cluster" "does not start: $(tail -1 <<<"$output")" "docker logs $project-worker-1; fewer WORKERS"
    echo "cluster: $workers workers; make tune ENGINE=dask uses them, make down stops them"
    ;;
  down)
    [ -d "$state" ] || exit 0
    echo "▸ down · stopping the cluster"
    MODELMAKE_IMAGE=none compose down --remove-orphans
    rm -rf "$state"
    ;;
  *) die "cluster.sh $1" "unknown" "up or down" ;;
esac
