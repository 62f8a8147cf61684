#!/usr/bin/env bash
# Leaves in $2 what GitHub checks out for commit $1, with the modelmake of that commit: no ignored and no uncommitted
# files. If $1 is `worktree`, the uncommitted files are included. Needs git, and a checkout with a commit.
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

committed() { # repository, commit, folder
  local branch origin
  branch=$(git -C "$1" symbolic-ref -q --short HEAD || echo detached)
  git -C "$3" init -q -b "$branch"
  [ "$(git -C "$3" rev-parse --absolute-git-dir)" = "$3/.git" ] ||
    die "$3" "git uses another repository than the new one in this folder" \
      "check: git -C '$3' rev-parse --absolute-git-dir"
  git -C "$3" fetch -q --depth 1 "$1" "$2"
  git -C "$3" reset -q --hard FETCH_HEAD
  # Without the token that it may contain.
  origin=$(git -C "$1" remote get-url origin 2>/dev/null | sed 's,//[^/@]*@,//,' || true)
  [ -z "$origin" ] || git -C "$3" remote add origin "$origin"
}
uncommitted() { # repository, folder
  (cd "$2" && git ls-files -z | xargs -0 rm -rf)
  (cd "$1" && git ls-files -z --cached --others --exclude-standard |
    while IFS= read -r -d '' file; do [ ! -f "$file" ] || printf '%s\0' "$file"; done |
    tar -cf - --null -T -) | tar -xf - -C "$2"
}
modelmake() { # the one of the commit $1, unless it is a folder of the project, which came with it
  local place=$target/.modelmake kind sha
  read -r _ kind sha _ <<<"$(git ls-tree "$1" .modelmake)"
  [ "$kind" != tree ] || return 0
  # A symbolic link, or a folder that git ignores, is here as it is now.
  [ "$kind" = commit ] || sha=$(git -C "$product" rev-parse -q --verify HEAD 2>/dev/null || true)
  git -C "$product" cat-file -e "${sha:-none}^{commit}" 2>/dev/null ||
    die .modelmake "its commit ${sha:-} is not here" "git -C .modelmake fetch origin ${sha:-}"
  rm -rf "$place" && mkdir "$place"
  committed "$product" "$sha" "$place"
  [ "$ref" != worktree ] || uncommitted "$product" "$place"
}

committed "$PWD" "$(git rev-parse "$commit^{commit}")" "$target"
if [ "$ref" = worktree ]; then
  uncommitted "$PWD" "$target"
else
  changed=$(git status --porcelain | wc -l)
  [ "$changed" -eq 0 ] ||
    echo "note: $changed uncommitted files are not in this replay (ACT_REF=worktree includes them)"
fi
[ "$product" = "$root" ] || modelmake "$commit"
