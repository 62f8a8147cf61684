#!/usr/bin/env bash
# Makes a project that uses modelmake in the folder TO, with a pipeline for the table DATA and its column TARGET, or
# with the example. Overwrites nothing, commits nothing, and says what it left alone. Needs git.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/changes.sh"
target=${MODELMAKE_TO:-} data=${MODELMAKE_DATA:-}
[ -n "$target" ] || die TO "is not given" "make init TO=../churn DATA=table.csv TARGET=column"
[[ $target == /* ]] || target=$root/$target
[[ -z $data || $data == /* ]] || data=$root/$data
[ -z "$data" ] || [ -e "$data" ] || die "DATA=$MODELMAKE_DATA" "no such file or folder" "check the path"
[ -z "$data" ] || [ -n "${MODELMAKE_TARGET:-}" ] || die TARGET "is not given" "make init … TARGET=column"
[ ! -e "$target" ] || [ -d "$target" ] || die "TO=$MODELMAKE_TO" "is a file" "name a folder"
mkdir -p "$target" 2>/dev/null || die "TO=$MODELMAKE_TO" "cannot be created" "name a folder that you may write"
target=$(cd "$target" && pwd -P)
[ "$target" != "$product" ] || die "TO=$MODELMAKE_TO" "is modelmake itself" "name another folder, such as ../churn"
top=$(git -C "$target" rev-parse --show-toplevel 2>/dev/null || true)
if [ "$top" != "$target" ]; then
  [ -z "$top" ] || [ -z "$(ls -A "$target")" ] ||
    die "TO=$MODELMAKE_TO" "is a part of the repository $top" "name its top folder, or a new one"
  git init -q -b main "$target"
fi
cd "$target"
name=$(basename "$target")

wrote=() kept=()
place() { # file, its text on standard input
  if [ -e "$1" ] || [ -L "$1" ]; then kept+=("$1") && cat >/dev/null && return; fi
  mkdir -p "$(dirname "$1")"
  cat >"$1.part" && mv "$1.part" "$1"
  wrote+=("$1")
}
modelmake() { # a submodule at this commit of its origin, or a copy if it has none
  local commit origin
  if [ -e .modelmake ] || [ -L .modelmake ]; then kept+=(.modelmake) && return; fi
  wrote+=(.modelmake)
  if [ "$(git -C "$product" rev-parse --show-prefix 2>/dev/null || echo none)" != "" ]; then # an archive
    mkdir .modelmake.part
    tar -C "$product" --exclude ./build --exclude ./.venv --exclude ./.mlflow --exclude ./.serve --exclude __pycache__ \
      -cf - . | tar -C .modelmake.part -xf -
    mv .modelmake.part .modelmake
    return
  fi
  commit=$(git -C "$product" rev-parse HEAD)
  [ -z "$(git -C "$product" status --porcelain)" ] ||
    echo "note: the uncommitted changes of $product are not in .modelmake"
  origin=$(git -C "$product" remote get-url origin 2>/dev/null | sed 's,//[^/@]*@,//,' || true)
  if [ -z "$origin" ]; then
    mkdir .modelmake.part
    git -C "$product" archive "$commit" | tar -C .modelmake.part -xf -
    echo "$commit" >.modelmake.part/VERSION
    mv .modelmake.part .modelmake
    return
  fi
  git clone -q --no-checkout "$product" .modelmake
  git -C .modelmake checkout -q --detach "$commit"
  git -C .modelmake remote set-url origin "$origin"
  git submodule --quiet add --force "$origin" .modelmake >/dev/null 2>&1
  git submodule --quiet absorbgitdirs .modelmake 2>/dev/null
  [ -n "$(git -C "$product" branch -r --contains "$commit" 2>/dev/null)" ] ||
    echo "note: $origin does not have the commit ${commit:0:9} yet (git push it, so that others can clone $name)"
}

echo "▸ init · a project in $target"
modelmake
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/none"
"$product/docker/host/template.sh" "$scratch/new" "$name"
bring_changes "$scratch/none" "$scratch/new" "" "" >"$scratch/changes"
while read -r word file _; do
  case $word in same | kept) kept+=("$file") ;; *) wrote+=("$file") ;; esac
done <"$scratch/changes"
grep -q 'include .*\.modelmake/Makefile' Makefile ||
  echo "note: your Makefile does not include modelmake: add the lines of .modelmake/docker/project/Makefile at its top"

if [ -z "$data" ]; then
  if [ ! -e pipeline.toml ] && [ ! -e pipelines ]; then
    for file in "$product"/data/*.csv; do place "data/${file##*/}" <"$file"; done
    place pipeline.toml <"$product/pipeline.toml"
  fi
elif [[ $data != "$target"/* ]]; then
  mkdir -p data
  copy=data/$(basename "$data")
  [ -e "$copy" ] || { cp -R "$data" "$copy.part" && mv "$copy.part" "$copy" && wrote+=("$copy"); }
  data=$copy
else
  data=${data#"$target"/}
fi
[ ${#kept[@]} = 0 ] || echo "kept     ${kept[*]}"
[ ${#wrote[@]} = 0 ] || echo "wrote    ${wrote[*]}"
# The Makefile of a repository that was there may not include modelmake yet.
[ -z "$data" ] ||
  make -s -f .modelmake/docker/project/Makefile new "DATA=$data" "TARGET=$MODELMAKE_TARGET" "NAME=${MODELMAKE_NAME:-}"
echo "next     cd $(printf '%q' "$target") && make all, then git add -A && git commit"
