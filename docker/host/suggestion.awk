# Prints the word of standard input that is most like the word in -v word=…, if one is: one that begins with it, or that
# differs in few letters; with -v whole=1 only the latter, in capital letters. Two letters that change places count once.
function least(a, b) { return a < b ? a : b }
function distance(a, b,    i, j, d) {
  for (i = 0; i <= length(a); i++) d[i, 0] = i
  for (j = 0; j <= length(b); j++) d[0, j] = j
  for (i = 1; i <= length(a); i++)
    for (j = 1; j <= length(b); j++) {
      d[i, j] = d[i - 1, j - 1] + (substr(a, i, 1) != substr(b, j, 1))
      d[i, j] = least(d[i, j], 1 + least(d[i - 1, j], d[i, j - 1]))
      if (i > 1 && j > 1 && substr(a, i, 1) == substr(b, j - 1, 1) && substr(a, i - 1, 1) == substr(b, j, 1))
        d[i, j] = least(d[i, j], d[i - 2, j - 2] + 1)
    }
  return d[length(a), length(b)]
}
BEGIN { most = 1 + length(word) / 4; if (whole) word = toupper(word) }
length($0) {
  far = !whole && length(word) > 2 && index($0, word) == 1 ? 0.5 : distance(word, $0)
  if (far <= most && (!found || far < nearest)) { found = $0; nearest = far }
}
END { print found }
