# shellcheck shell=bash
# Sourced by init and update: brings the files of one template over to the project, which had those of an earlier one.
# Nothing of the user is lost: what git cannot merge has the lines of both, between conflict markers.

# Brings the files of the folder $2, which were those of the folder $1, to this folder. $3 and $4 are the names of the
# two versions. Prints a line for each file that differs between the folders: a word, the file, and why.
bring_changes() {
  local file
  while IFS= read -r file; do
    cmp -s "$1/$file" "$2/$file" || bring_file "$file" "$1/$file" "$2/$file" "$3" "$4"
  done < <(for folder in "$1" "$2"; do (cd "$folder" && find . -type f | cut -c 3-); done | LC_ALL=C sort -u)
}
bring_file() { # file, the old one, the new one, the names of the two versions
  local file=$1 old=$2 new=$3
  if blocked "$file"; then
    echo "kept $file (yours is not a plain file)"
  elif [ ! -e "$file" ]; then
    if [ ! -e "$old" ]; then
      write "$file" <"$new"
      echo "added $file"
    elif [ -e "$new" ]; then
      echo "deleted $file (it stays deleted; it has changed from $4 to $5)"
    fi
  elif equal "$file" "$new"; then
    echo "same $file"
  elif equal "$file" "$old"; then
    if [ -e "$new" ]; then
      write "$file" <"$new"
      echo "updated $file"
    else
      rm "$file"
      echo "removed $file (not in $5)"
    fi
  elif [[ $file == .gitignore || $file == .gitattributes ]]; then
    bring_lines "$file" "$old" "$new"
  elif [ ! -e "$old" ]; then
    echo "kept $file (yours)"
  elif [ ! -e "$new" ]; then
    echo "kept $file (yours has changes; not in $5)"
  else
    bring_merged "$@"
  fi
}
bring_merged() { # like bring_file
  local code=0 folder
  folder=$(mktemp -d)
  unix "$1" >"$folder/yours"
  git merge-file -p -L yours -L "$4" -L "$5" "$folder/yours" "$2" "$3" >"$folder/merged" 2>/dev/null || code=$?
  [ "$code" -gt 127 ] || write "$1" <"$folder/merged"
  rm -rf "$folder"
  case $code in
    0) echo "merged $1" ;;
    12[89] | 1[3-9]? | 2??) echo "kept $1 (git cannot merge it with $5)" ;;
    *) echo "conflict $1 (at each <<<<<<< yours, choose what stays)" ;;
  esac
}
bring_lines() { # file, the old one, the new one: their lines are some of its lines
  local folder
  folder=$(mktemp -d)
  unix "$1" | grep -Fxv -f <(difference "$2" "$3") >"$folder/result" || true
  difference "$3" "$2" | grep -Fxv -f "$folder/result" >"$folder/added" || true
  cat "$folder/added" >>"$folder/result"
  if equal "$1" "$folder/result"; then
    echo "same $1"
  else
    write "$1" <"$folder/result"
    echo "updated $1"
  fi
  rm -rf "$folder"
}
difference() { grep . "$1" 2>/dev/null | grep -Fxv -f <(grep -s . "$2" || true) || true; } # lines of $1 only

# A file's text may have other ends of lines in the working tree than git has.
unix() { sed $'s/\r$//' "$1"; }
equal() { [ -f "$2" ] && cmp -s <(unix "$1") <(unix "$2"); }
write() { # the file $1, from standard input; its mode and its ends of lines stay
  local ends=
  [ ! -s "$1" ] || grep -qv $'\r$' "$1" || ends=$'\r'
  {
    mkdir -p "$(dirname "$1")" && sed "s/\$/$ends/" >"$1.part" &&
      { [ ! -x "$1" ] || chmod +x "$1.part"; } && mv -f "$1.part" "$1"
  } 2>/dev/null || die "$1" "cannot be written" "check the space and the permissions of its folder"
}
blocked() { # whether the file $1 is a folder or a link, or is below something that is not a folder of the project
  local path=$1
  [ ! -d "$path" ] || return 0
  while [ "$path" != . ]; do
    [ ! -L "$path" ] || return 0
    path=$(dirname "$path")
    [ -d "$path" ] || [ ! -e "$path" ] || return 0
  done
  return 1
}
