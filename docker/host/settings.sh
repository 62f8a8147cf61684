#!/usr/bin/env bash
# Prints make's switches as words NAME=value, or the error of a variable that has a wrong value. Its arguments, also
# NAME=value, are the variables of make's command line, which count before the environment. Needs nothing.
set -euo pipefail
. "${0%/*}/../lib.sh"
cd "$root"
for given in "$@"; do
  name=${given%%=*}
  [ "$name" = CI ] || name=MODELMAKE_$name
  export "$name=${given#*=}"
done
check_all

read -r pipeline <<<"${MODELMAKE_PIPELINE:-}" || true
pipeline=${pipeline:-pipeline.toml} present=
if [ "$pipeline" != pipeline.toml ]; then
  for file in pipeline.toml pipelines/*.toml; do [ ! -f "$file" ] || present+=" $file"; done
  fix="one of:${present:- none; make new DATA=… TARGET=… writes one}"
  [ "$pipeline" != pipelines/pipeline.toml ] || die "PIPELINE=$pipeline" "has the name of pipeline.toml" "rename it"
  [[ $pipeline =~ ^pipelines/[A-Za-z0-9][A-Za-z0-9_-]*\.toml$ ]] || die "PIPELINE=$pipeline" \
    "not pipeline.toml or pipelines/<name>.toml; a name has letters, digits, - and _" "$fix"
  [ -f "$pipeline" ] || die "PIPELINE=$pipeline" "no such file" "$fix"
fi
for each in $kinds; do
  name=MODELMAKE_${each%%=*}
  case $each in *=switch | *=toggle) echo "$name=${!name:-}" ;; esac
done
echo "CI=${CI:-}"
