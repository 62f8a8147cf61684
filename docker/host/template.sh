#!/usr/bin/env bash
# Leaves in the folder $1 the files of a project that follow modelmake, as this version has them; with the name $2 of a
# project also those that belong to the user from then on. Needs nothing.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
folder=$1 name=${2:-}
cd "$product"
mkdir -p "$folder/.github/workflows"
cp docker/project/Makefile .actrc "$folder"
cp docker/project/gitignore "$folder/.gitignore"
cp docker/project/gitattributes "$folder/.gitattributes"
cp docker/project/dependabot.yml "$folder/.github"
# In a project, GitHub's actions are those of .modelmake.
for file in mlops-pipeline pipeline promote watch; do
  sed 's,\./\.github/actions/,./.modelmake/.github/actions/,' ".github/workflows/$file.yml" \
    >"$folder/.github/workflows/$file.yml"
done
[ -n "$name" ] || exit 0
{ echo "# $name" && sed 1d docker/project/README.md; } >"$folder/README.md"
mkdir "$folder/models" "$folder/tests"
cp docker/project/models/*.py "$folder/models"
cp docker/project/tests/*.py "$folder/tests"
