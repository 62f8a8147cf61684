#!/usr/bin/env bash
# Prints the problem if $1 is not the file of a pipeline that make can name in a target; else nothing. Needs no engine.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
cd "$root"
pipeline=$1 present=
for file in pipeline.toml pipelines/*.toml; do [ ! -f "$file" ] || present+=" $file"; done
fix="one of:${present:- none; make new DATA=… TARGET=… writes one}"
if [ "$pipeline" = pipelines/pipeline.toml ]; then
  echo "PIPELINE=$pipeline: has the name of pipeline.toml (rename it)"
elif [[ ! $pipeline =~ ^pipelines/[A-Za-z0-9][A-Za-z0-9_-]*\.toml$ ]]; then
  echo "PIPELINE=$pipeline: not pipeline.toml or pipelines/<name>.toml; a name has letters, digits, - and _ ($fix)"
elif [ ! -f "$pipeline" ]; then
  echo "PIPELINE=$pipeline: no such file ($fix)"
fi
