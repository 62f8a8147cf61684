#!/usr/bin/env bash
# Leaves in $2 what GitHub checks out for commit $1: no ignored and no uncommitted files. If $1 is `worktree`, the
# uncommitted files are included. Needs git, and a checkout with a commit.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
ref=$1 target=$2
[[ $target == /* ]] || target=$PWD/$target
[[ $target/ != */../* ]] || die "$target" "contains .." "name the folder itself"
cd "$root"
git rev-parse -q --verify HEAD >/dev/null 2>&1 || { echo "error: $root: $(no_commit)" >&2 && exit 2; }
commit=$([ "$ref" = worktree ] && echo HEAD || echo "$ref")
git rev-parse -q --verify "$commit^{commit}" >/dev/null 2>&1 ||
  die "$ref" "no such commit here" "git log --oneline lists the commits"

# A folder below build/ may be replaced; any other one must be empty.
[[ $target == "$root"/build/?* ]] || [ -z "$(ls -A "$target" 2>/dev/null)" ] ||
  die "$target" "is not empty" "name a new folder"
rm -rf "$target"
mkdir -p "$target"
target=$(cd "$target" && pwd -P)
branch=$(git symbolic-ref -q --short HEAD || echo detached)
git -C "$target" init -q -b "$branch"
[ "$(git -C "$target" rev-parse --absolute-git-dir)" = "$target/.git" ] ||
  die "$target" "git uses another repository than the new one in this folder" \
    "check: git -C '$target' rev-parse --absolute-git-dir"
git -C "$target" fetch -q --depth 1 "$PWD" "$(git rev-parse "$commit^{commit}")"
git -C "$target" reset -q --hard FETCH_HEAD
origin=$(git remote get-url origin 2>/dev/null | sed 's,//[^/@]*@,//,' || true) # without the token that it may contain
[ -z "$origin" ] || git -C "$target" remote add origin "$origin"

if [ "$ref" = worktree ]; then
  git -C "$target" ls-files -z | (cd "$target" && xargs -0 rm -f)
  git ls-files -z --cached --others --exclude-standard |
    while IFS= read -r -d '' file; do [ ! -f "$file" ] || printf '%s\0' "$file"; done |
    tar -cf - --null -T - | tar -xf - -C "$target"
else
  changed=$(git status --porcelain | wc -l)
  [ "$changed" -eq 0 ] ||
    echo "note: $changed uncommitted files are not in this replay (ACT_REF=worktree includes them)"
fi
