# Prints a text of pipeline.toml (-v table=data -v key=path), in each of the ways in which TOML lets one line say it.
# Editors of some systems begin a file with a byte order mark.
NR == 1 { sub(/^\xef\xbb\xbf/, "") }
BEGIN {
  start = "^[ \t]*"; is = "[ \t]*=[ \t]*"; quote = "[\"']"
  of_table = start key is quote
  dotted = start table "[ \t]*[.][ \t]*" key is quote
  inline = start table is "[{](.*,)?[ \t]*" key is quote
}
/^[ \t]*\[/ { here = $0; gsub(/^[ \t]*\[[ \t]*|[ \t]*\].*/, "", here) }
here == table && match($0, of_table) || here == "" && (match($0, dotted) || match($0, inline)) {
  mark = substr($0, RSTART + RLENGTH - 1, 1)
  rest = substr($0, RSTART + RLENGTH)
  print substr(rest, 1, index(rest, mark) - 1)
  exit
}
