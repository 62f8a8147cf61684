# Prints the targets of a Makefile by section, and then its variables, from the Makefile's own ## comments.
function row(line) {
  match(line, /^[A-Za-z_-]+/)
  name = substr(line, 1, RLENGTH)
  sub(/^.*## /, "", line)
  return sprintf("  %-19s %s\n", name, line)
}
BEGIN { print "modelmake: make for models\n\nmake TARGET [VARIABLE=value …]" }
/^## / { printf "\n%s\n", substr($0, 4) }
/^[a-z-]+:.*## / { printf "%s", row($0) }
/^[A-Z_]+ \?=.*## / { variables = variables row($0) }
END { printf "\nVariables\n%s", variables }
