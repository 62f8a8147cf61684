#!/usr/bin/env bash
# Leaves a commit and an annotated tag of VERSION, from what Python has checked and left in build/release/, or nothing.
# Pushes nothing. Needs git with a name and an address, and as arguments the prefix of a stage ($(RUN)).
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
cd "$root"
read -r version <<<"${MODELMAKE_VERSION:-}" || true
rm -rf build/release
"$@" python -m modelmake release
git var GIT_COMMITTER_IDENT >/dev/null 2>&1 ||
  die git "no name and address for the commit" "git config user.name \"…\", and user.email"
files=(CHANGELOG.md pyproject.toml)
before=$(git rev-parse HEAD)
undo() { # the tree was clean
  git reset -q --soft "$before"
  git checkout -q "$before" -- "${files[@]}"
}
trap undo EXIT
for file in "${files[@]}"; do cat "build/release/$file" >"$file"; done
git commit -q -m "Release $version" -- "${files[@]}" ||
  die git "the commit was refused" "see above; nothing has changed"
git tag -a --cleanup=whitespace -F build/release/notes.md "v$version" ||
  die git "the tag v$version was refused" "see above; nothing has changed"
trap - EXIT
echo "commit     $(git log -1 --format='%h %s')"
echo "tag        v$version, in this clone only"
echo "next       git push --atomic origin $(git symbolic-ref --short HEAD) v$version"
