# The reader of the Makefile's ## comments: headings, targets, and variables with their kinds. Prints the page of
# `make help`; with -v as=kinds the words `NAME=kind`; with -v as=words `target=…`, and `module=…` for a target without
# a recipe; with -v as=table all of them, by tabs.
function row(name, kind, text) {
  if (as == "table") return (kind ? "" : heading) "\t" name "\t" kind "\t" text "\n"
  return sprintf("  %-19s %s\n", name, (kind ? kind ": " : "") text)
}
!as && NR == 1 { print "modelmake: make for models\n\nmake TARGET [VARIABLE=value …]" }
as == "words" && bare && !/^\t/ { print "module=" bare }
{ bare = "" }
!/## / { next }
{ comment = $0; sub(/^.*## /, "", comment) }
/^## / { heading = comment; if (!as) printf "\n%s\n", heading }
/^[a-z-]+:/ {
  bare = name = substr($0, 1, index($0, ":") - 1)
  if (as == "words") print "target=" name
  else if (!as || as == "table") printf "%s", row(name, "", comment)
}
/^[A-Z_]+ \?= / {
  kind = substr(comment, 1, index(comment, ": ") - 1)
  if (as == "kinds") print $1 "=" kind
  variables = variables row($1, kind, substr(comment, length(kind) + 3))
}
END { if (!as) print "\nVariables"; if (!as || as == "table") printf "%s", variables }
