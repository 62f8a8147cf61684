# shellcheck shell=sh disable=SC2034,SC2154  # the scripts that source this file use the variables
# The variables that modelmake reads from the caller's environment. No other one reaches its commands: docker/shell
# starts make's recipes with these variables only, and docker/lib.sh drops all others from a script that is run by hand.
# The Makefile is in the folder $product.

# The machine. A `TMPDIR` that is not a folder is not used.
machine="HOME PATH USER LOGNAME SUDO_UID TMPDIR TERM COLUMNS NO_COLOR LD_LIBRARY_PATH"
# The Docker engine. Which engine, and its credentials.
engine="DOCKER_HOST DOCKER_CONTEXT DOCKER_CONFIG DOCKER_CERT_PATH DOCKER_TLS_VERIFY
  SSH_AUTH_SOCK XDG_RUNTIME_DIR DBUS_SESSION_BUS_ADDRESS"
# Network. Proxies, a company CA and a package index. See [behind a proxy](../howto/proxy.md).
network="HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy
  SSL_CERT_FILE PIP_INDEX_URL UV_INDEX_URL UV_DEFAULT_INDEX"
# The tracking server. An MLflow server of yours, the workspace there, and how to log in. `MLFLOW_RUN_ID` is read as
# `RUN_ID`. `MLFLOW_PORT` is read too.
tracking="MLFLOW_TRACKING_URI MLFLOW_WORKSPACE MLFLOW_TRACKING_USERNAME MLFLOW_TRACKING_PASSWORD MLFLOW_TRACKING_TOKEN
  MLFLOW_TRACKING_SERVER_CERT_PATH MLFLOW_TRACKING_CLIENT_CERT_PATH MLFLOW_S3_ENDPOINT_URL MLFLOW_RUN_ID"
# Refused. They select a place or a login in MLflow that modelmake does not use. Dropping one would write somewhere
# else than you said, so a command that uses the tracking server ends, and names it.
refused="MLFLOW_REGISTRY_URI MLFLOW_EXPERIMENT_NAME MLFLOW_EXPERIMENT_ID MLFLOW_TRACKING_AUTH MLFLOW_TRACKING_AWS_SIGV4
  MLFLOW_BACKEND_STORE_URI MLFLOW_READ_REPLICA_BACKEND_STORE_URI MLFLOW_REGISTRY_STORE_URI MLFLOW_WORKSPACE_STORE_URI
  MLFLOW_ENABLE_WORKSPACES MLFLOW_DEFAULT_ARTIFACT_ROOT MLFLOW_ARTIFACTS_DESTINATION MLFLOW_TRACKING_DIR
  MLFLOW_REGISTRY_DIR"
# The source of a table. How `make fetch` reaches a database (`data.source = "env:DATABASE_URL"`) or an object store.
# In a container no other command has them, except that those of S3 also reach the artifacts of a tracking server of
# yours, if boto3 is in the lock.
sources="DATABASE_URL AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN
  AWS_DEFAULT_REGION AWS_REGION AWS_ENDPOINT_URL GOOGLE_APPLICATION_CREDENTIALS AZURE_STORAGE_ACCOUNT_NAME
  AZURE_STORAGE_ACCOUNT_KEY AZURE_STORAGE_SAS_TOKEN AZURE_STORAGE_CONNECTION_STRING"
# A Dask cluster. Where `make tune ENGINE=dask` runs its trials, and the certificates of the client. `make cluster`
# needs none of them.
dask="DASK_SCHEDULER_ADDRESS DASK_DISTRIBUTED__COMM__TLS__CA_FILE DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT
  DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY"
# GitHub. `GITHUB_…` counts only if `GITHUB_ACTIONS` is `true`.
github="GITHUB_ACTIONS GITHUB_ACTOR GITHUB_API_URL GITHUB_HEAD_REF GITHUB_OUTPUT GITHUB_REF GITHUB_REPOSITORY
  GITHUB_RUN_ID GITHUB_SERVER_URL GITHUB_SHA GITHUB_STEP_SUMMARY GITHUB_TOKEN REGISTRY_USERNAME REGISTRY_PASSWORD"
# Continuous integration. `CI=true` adds the tests that take minutes. `ACT` is `true` under act.
ci="CI ACT"
allowed="$machine $engine $network $tracking $sources $dask MLFLOW_PORT $github $ci MODELMAKE_REFUSED"
# The variables of make, which the Makefile lists, as NAME=kind. On make's command line they have these names; in the
# environment, where make passes them on, they are MODELMAKE_<NAME>, except MLflow's own.
kinds=$(awk -v as=kinds -f "$product/docker/host/help.awk" "$product/Makefile")
settings=
for name in $kinds; do
  name=${name%%=*}
  case $name in MLFLOW_*) ;; *) settings="$settings $name" allowed="$allowed MODELMAKE_$name" ;; esac
done
# In a container also the facts about the host that docker/run.sh and act pass to a stage.
[ ! -e /etc/modelmake ] ||
  allowed="$allowed MODELMAKE_IMAGE_ID MODELMAKE_UI MODELMAKE_HOST
    MODELMAKE_CONTAINER MODELMAKE_CONTAINERS MODELMAKE_GIT_DIR MODELMAKE_PRODUCT_GIT_DIR MODELMAKE_FOLDER"

# The names of the refused variables that are set. The registry of the tracking server itself is no other place.
[ "${MLFLOW_REGISTRY_URI:-}" != "${MLFLOW_TRACKING_URI:-}" ] || unset MLFLOW_REGISTRY_URI
for name in $refused; do
  value=
  eval "value=\${$name-}"
  case $value in "" | 0 | [Ff]alse) ;; *) MODELMAKE_REFUSED="${MODELMAKE_REFUSED:-}$name " ;; esac
done

# The same settings in the image, on the host and under act.
constants="LC_ALL=C PYTHONUTF8=1 PYTHONUNBUFFERED=1 PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1 GIT_OPTIONAL_LOCKS=0
  COVERAGE_CORE=sysmon MLFLOW_DISABLE_TELEMETRY=true MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR=false
  MLFLOW_HTTP_REQUEST_MAX_RETRIES=5
  MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false"

# Traffic to this machine never uses a proxy.
direct=localhost,127.0.0.1,127.0.0.0/8,0.0.0.0,::1
no_proxy=${no_proxy:-${NO_PROXY:-}}
case $no_proxy in
  "*" | *"$direct") ;;
  *) no_proxy=${no_proxy:+"$no_proxy,"}$direct ;;
esac
NO_PROXY=$no_proxy
[ -d "${TMPDIR:-/}" ] || unset TMPDIR # a cluster removes its temporary folder when the job ends
