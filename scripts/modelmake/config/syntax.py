"""Syntax: the lines in which a pipeline's file is not TOML, what is wrong in them, and how to write it."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from modelmake.core.errors import UserError

Lines = list[str]
NAME = r"""(?P<key>[\w.\-"' ]+?)"""
AFTER = r"(?:^|[=\[,{])\s*"  # what is before a value
BARE = r"""[^\W\d][^"'\[\]{}#=]"""
END = r"(?=\s*(?:[,\]}#]|$))"
QUOTES = "\u201c\u201d\u201e\u201f\u00ab\u00bb\u2018\u2019\u201a\u00b4`"  # those of word processors
POSITION = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
DIAGNOSES = (  # a pattern, what is wrong in a line that has it, and the fix
    (rf"{AFTER}[{QUOTES}]", "the quotes are not those of TOML", 'write "…" with the plain quotes of the keyboard'),
    (rf"{AFTER}(?P<word>(?i:true|yes|on)){END}", r"\g<word> is not a value", "write true"),
    (rf"{AFTER}(?P<word>(?i:false|no|off)){END}", r"\g<word> is not a value", "write false"),
    (rf"{AFTER}(?P<word>(?i:none|null|nil)){END}", r"TOML has no \g<word>", "leave the key out, for its default"),
    (r"^\s*(?P<table>\[[^\]=]*?)\s*$", "the bracket is not closed", r"write \g<table>]"),
    (rf"^\s*{NAME}\s*:\s*(?P<text>\S.*)$", "a colon after the key", r"write \g<key> = \g<text>"),
    (rf"^\s*{NAME}\s*==\s*(?P<text>.*)$", "two signs = after the key", r"write \g<key> = \g<text>"),
    (rf"^\s*{NAME}\s*=\s*(#.*)?$", "the key has no value", "write one, or leave the line out"),
    (rf"{AFTER}(?P<a>[+-]?\d+),(?P<b>\d+){END}", "a comma in a number", r"write \g<a>.\g<b>"),
    (rf"{AFTER}(?P<sign>[+-]?)(?P<b>\.\d+)", "a number begins with the point", r"write \g<sign>0\g<b>"),
    (rf"{AFTER}(?P<a>[+-]?\d+\.){END}", "a number ends with the point", r"write \g<a>0"),
    (rf"{AFTER}(?P<zeros>0+)(?P<b>\d+){END}", "a number begins with 0", r'write \g<b>, or the text "\g<zeros>\g<b>"'),
    (rf"{AFTER}\d+\s*%", "a number with %", "write a share, such as 0.2"),
    (r'"[^"]*\\[^"]*"', "a backslash in double quotes", r"write / in its place, or single quotes: 'C:\\data.csv'"),
    (rf"^\s*{NAME}\s*=\s*(?P<text>{BARE}*?)\s*(#.*)?$", "a text without quotes", r'write \g<key> = "\g<text>"'),
    (rf"^\s*{NAME}\s*=.*[^\s,;](?P<end>[,;])\s*(#.*)?$", r"\g<end> after the value", "leave it out"),
    (r"^\s*[^\s#=\[\]\"',][^#=\[\]\"',]*$", "neither key = value nor [table]", "write key = value, or # before it"),
    (r"^\s*[^\W\d\[][\w .()]*[<>]", "a text without quotes", 'write "…" around it'),
)  # fmt: skip


def valid(lines: Lines) -> tuple[int, dict[str, Any]]:
    """Return how many of the first lines are TOML, at most, and what they contain."""
    for number in range(len(lines), 0, -1):
        try:
            return number, tomllib.loads("\n".join(lines[:number]))
        except (tomllib.TOMLDecodeError, RecursionError):
            continue
    return 0, {}


def mistakes(path: Path, text: str) -> Iterator[UserError]:
    """Yield what is wrong in the file: each line that is not TOML, until one after which the rest cannot be read."""
    lines = text.split("\n")
    while True:
        try:
            tomllib.loads("\n".join(lines))
        except RecursionError:
            yield UserError(str(path), "tables and lists inside of each other, more than Python reads", "write fewer")
        except tomllib.TOMLDecodeError as error:
            start = valid(lines)[0] + 1
            number, what, fix = _diagnosis(lines, start, str(error))
            yield UserError(f"{path}:{number}", what, fix)
            if number == start and re.match(r"[^\[=]*=\s*[^\[{\s]", lines[start - 1]) and '"""' not in text:
                lines[start - 1] = ""
                continue
        return


def _diagnosis(lines: Lines, start: int, message: str) -> tuple[int, str, str]:
    """Return the line, what is wrong and the fix, for the statement that begins in line `start`."""
    match = POSITION.search(message)
    place = min(int(match[1]), len(lines)) if match and match[1] else start
    statement = lines[start - 1]
    if re.match("Cannot (overwrite|declare|mutate|redefine|extend)|Duplicate", message):
        name = statement.partition("=")[0].strip() if "=" in statement else statement.strip()
        return start, f"{name} is in the file twice", "keep one of the two"
    for number in dict.fromkeys((place, *range(start, place + 1))):
        for pattern, what, fix in DIAGNOSES:
            if found := re.search(pattern, lines[number - 1]):
                return number, found.expand(what), found.expand(fix)
    if statement.count('"') % 2 or statement.count("'") % 2:
        return start, "the quotes are not closed", 'write "…" around the text'
    if statement.count("[") != statement.count("]") or statement.count("{") != statement.count("}"):
        return start, "the bracket is not closed, or a comma is missing", "write [a, b] or { key = value, key = value }"
    return place, "the line is not TOML", 'write key = value, with a text in "…" and a list in […]'
