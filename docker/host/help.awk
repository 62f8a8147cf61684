# Prints the targets and variables of a Makefile from its own ## comments.
BEGIN { FS = " ?[:?][=:]? ?.*## "; print "modelmake: make for models\n\nmake TARGET [VARIABLE=value …]\n" }
/^[a-z-]+:.*## / { targets = targets sprintf("  %-20s %s\n", $1, $2) }
/^[A-Z_]+ \?=.*## / { variables = variables sprintf("  %-20s %s\n", $1, $2) }
END { printf "%s\n%s", targets, variables }
