#!/usr/bin/env bash
# Moves .modelmake to the version TO, or to the newest one, and brings what has changed in the template over to the
# files of the project. Commits nothing, and changes nothing before it has all that it needs. Needs git, and the network
# for a version that is not here.
set -euo pipefail
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/changes.sh"
cd "$root"
read -r to <<<"${MODELMAKE_TO:-}" || true
modelmake() { git -C .modelmake "$@"; }
name_of() { modelmake describe --tags --always "$1"; }
commits() { modelmake rev-list --count "$1..$2"; }
includes() { modelmake merge-base --is-ancestor "$2" "$1"; } # whether the commit $1 has all of the commit $2

check_product() {
  local output
  [ "$MODELMAKE_PRODUCT" != . ] || die "make update" "is for a project; this folder is modelmake itself" "git pull"
  command -v git >/dev/null || die git "is not installed" "install it"
  [ ! -L .modelmake ] || die .modelmake "is a symbolic link" "update the clone that it points to: git pull"
  output=$(modelmake rev-parse --show-cdup 2>&1) || true
  case $output in
    "") ;;
    *"dubious ownership"*)
      die .modelmake "belongs to another user" "git config --global --add safe.directory '$root/.modelmake'"
      ;;
    *) die .modelmake "is a plain copy, without the history of modelmake" "see .modelmake/docs/howto/upgrade.md" ;;
  esac
  output=$(modelmake status --porcelain | sed -n 1p)
  [ -z "$output" ] ||
    die .modelmake "has uncommitted changes: ${output:3}" "git -C .modelmake stash -u, or commit them there"
}
check_project() {
  local file
  file=$(git ls-files -u 2>/dev/null | cut -f 2 | sed -n 1p)
  [ -z "$file" ] || die "$file" "is not merged" "resolve it, git add it, then make update again"
  file=$(grep -ls '^<<<<<<< yours' Makefile .actrc .github/*.yml .github/workflows/* | sed -n 1p || true)
  [ -z "$file" ] || die "$file" "has conflict markers" "choose what stays, then make update again"
}

origin() { # runs a command of git that asks the origin
  local output
  [ -z "${SSL_CERT_FILE:-}" ] || export GIT_SSL_CAINFO=$SSL_CERT_FILE
  output=$(modelmake "$@" 2>&1) || die "the origin of .modelmake" \
    "$(sed -n -e 's,//[^/@]*@,//,' -e 's,^fatal: ,,' -e 1p <<<"$output")" "TO=<a version that is here> needs no network"
  echo "$output"
}
fetch() { origin fetch -q --tags origin '+refs/heads/*:refs/remotes/origin/*' >/dev/null; }
commit_of() { modelmake rev-parse -q --verify "$1^{commit}"; }
present() { # prints the commit that TO names, if it does not depend on the state of the origin
  commit_of "refs/tags/$to" || { [[ $to =~ ^[0-9a-f]{7,40}$ ]] && commit_of "$to"; }
}
select_version() { # sets $selected
  local refs tags
  if [ -n "$to" ]; then
    selected=$(present) && return
    fetch
    tags=$(modelmake tag --list 'v*' --sort=-version:refname | sed -n 1,5p | tr '\n' ' ')
    selected=$(present || commit_of "refs/remotes/origin/$to") ||
      die "TO=$to" "no such version of modelmake" "one of: ${tags}a branch of its origin, a commit"
    return
  fi
  refs=$(origin ls-remote --sort=-version:refname origin)
  fetch
  to=$(sed -nE 's,.*	refs/tags/(v[0-9]+\.[0-9]+\.[0-9]+)$,\1,p' <<<"$refs" | sed -n 1p)
  selected=$(if [ -n "$to" ]; then commit_of "refs/tags/$to"; else awk '$2 == "HEAD" { print $1 }' <<<"$refs"; fi)
  [ -n "$selected" ] || die "the origin of .modelmake" "has no version and no default branch" "make update TO=…"
  if [ "$selected" != "$current" ] && includes "$current" "$selected"; then
    echo "update: .modelmake is at $(name_of "$current"), newer than $(name_of "$selected") (TO=… takes any version)"
    exit 0
  fi
}

template() { # leaves the template of the commit $1 in the folder $2
  mkdir "$2.tree" "$2"
  modelmake archive "$1" | tar -C "$2.tree" -xf -
  [ -x "$2.tree/docker/host/template.sh" ] ||
    die "TO=$to" "has no template for projects that make update knows" "choose a newer version"
  of_checkout "$2.tree" docker/host/template.sh "$2"
}
show_changelog() {
  modelmake diff --no-color -U0 "$current" "$selected" -- CHANGELOG.md | sed -n '/^+++/d; s/^+//p' |
    awk -v limit=40 'NR <= limit { print ($0 ? "  " $0 : "") }
      END { if (NR > limit) print "  … and " NR - limit " more lines in .modelmake/CHANGELOG.md" }'
}
lock_of() { modelmake show "$1:docker/requirements.txt"; }
mlflow_of() { lock_of "$1" | sed -n 's/^mlflow==\([^ ;]*\).*/\1/p'; }

check_product
check_project
current=$(modelmake rev-parse HEAD) selected=
select_version
[ "$selected" != "$current" ] || { echo "update: .modelmake is at $(name_of "$current") already" && exit 0; }
before=$(name_of "$current") after=$(name_of "$selected")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
template "$current" "$scratch/old"
template "$selected" "$scratch/new"

ahead=$(commits "$current" "$selected") behind=$(commits "$selected" "$current")
echo "▸ update · modelmake $before → $after (commits: +$ahead -$behind)"
show_changelog
[ -n "$(modelmake for-each-ref --contains "$current" | sed -n 1p)" ] || includes "$selected" "$current" || {
  modelmake branch -f "before-update-${current:0:9}" "$current"
  echo "note: the origin does not have the commit ${current:0:9}; it stays as the branch before-update-${current:0:9}"
}
undo() { # the next update begins anew, and leaves what it finds done
  modelmake checkout -q --detach "$current" || true
  rm -rf "$scratch"
}
trap undo EXIT
modelmake checkout -q --detach "$selected"
bring_changes "$scratch/old" "$scratch/new" "$before" "$after" >"$scratch/changes"
trap 'rm -rf "$scratch"' EXIT

while read -r word text; do
  [ "$word" = same ] || printf '%-9s %s\n' "$word" "$text"
done <"$scratch/changes"

[ "$(mlflow_of "$current")" = "$(mlflow_of "$selected")" ] ||
  echo "state     MLflow $(mlflow_of "$current") → $(mlflow_of "$selected"):" \
    "the next make up takes a backup and upgrades older tables; it refuses newer ones"
next="make all, git diff, git add -A && git commit"
if [ "$MODELMAKE_LOCK" = requirements.txt ] && ! cmp -s <(lock_of "$current") <(lock_of "$selected"); then
  next="make lock, $next"
fi
conflict=$(sed -n 's/^conflict \([^ ]*\) .*/\1/p' "$scratch/changes" | sed -n 1p)
[ -z "$conflict" ] || die "$conflict" "has conflict markers" "choose what stays, then $next"
echo "next      $next"
