#!/usr/bin/env bash
# `add` adds the packages PKG to pyproject.toml and the lock, and the system packages APT to apt.txt; `lock` locks what
# pyproject.toml has. Further words run a command in the environment. Leaves every file whole, or as it was.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
cd "$root"
new=build/packages lock=requirements.txt names=
[ "$MODELMAKE_PRODUCT" != . ] || lock=docker/requirements.txt

if [ "$1" = add ] && [ -n "${MODELMAKE_APT:-}" ]; then
  [ "$MODELMAKE_PRODUCT" != . ] ||
    die "APT=$MODELMAKE_APT" "modelmake has its system packages in docker/image/Dockerfile" "add it there"
  names=$(debian_packages "APT=$MODELMAKE_APT" "$MODELMAKE_APT")
  present=$(system_packages)
fi
if [ -z "$names" ] || [ -n "${MODELMAKE_PKG:-}" ]; then
  rm -rf $new
  "${@:2}" python -m modelmake "$1"
  if [ -s $new/requirements.txt ]; then
    mv -f $new/requirements.txt $lock
  elif [ -f $new/requirements.txt ]; then
    rm -f requirements.txt .venv/lock.txt # .venv is made again, from the lock of modelmake
  fi
  [ ! -f $new/pyproject.toml ] || mv -f $new/pyproject.toml .
fi
added=()
for name in $names; do
  if grep -Fxq -- "$name" <<<"${present:-}"; then echo "$name: already in apt.txt"; else added+=("$name"); fi
done
[ ${#added[@]} -gt 0 ] || exit 0
{
  [ ! -s apt.txt ] || { cat apt.txt && [ -z "$(tail -c 1 apt.txt)" ] || echo; }
  printf '%s\n' "${added[@]}"
} >apt.txt.part
mv -f apt.txt.part apt.txt
echo "added    ${added[*]} to apt.txt"
echo "next     make train (the image is built again, once; on the host make doctor names what is missing)"
