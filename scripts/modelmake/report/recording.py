"""Recording: pictures for the documentation, SVG files of what a real run has printed and of its report.

They contain no time, no id and no port, so the same run gives the same picture.
"""

from html import escape
from pathlib import Path
from xml.etree import ElementTree

WIDTH, LINE, LEFT = 860, 18, 22  # of the terminal, in pixels
COLORS = {"what": "#8ab4f8", "command": "#e8eaed", "result": "#9aa0a6", "pass": "#81c995", "keep": "#fdd663"}
XHTML = "http://www.w3.org/1999/xhtml"
PAGE = (920, 930)  # in pixels
PLOTS = 2
TIGHT = (
    ".body { padding: 1.5rem 2.2rem; height: 100%; } h2 { margin: 1.6rem 0 0.4rem; } "
    ".plots { margin-top: 1.6rem; gap: 1.6rem; grid-template-columns: 1fr 1fr; }"
)


def kind(line: str) -> str:
    """Return the color of a line of a recording.

    Examples
    --------
    >>> [kind(line) for line in ("1 of 9 · Look.", "$ make", "  pass    accuracy", "  read")]
    ['what', 'command', 'pass', 'result']

    """
    if not line.startswith("  "):
        return "command" if line.startswith("$") else "what"
    first = line.split(maxsplit=1)[0]
    return first if first in ("pass", "keep") else "pass" if first == "ok" else "result"


def terminal(text: str) -> str:
    """Return a recording, such as build/demo.txt, as a picture of a terminal."""
    lines = text.splitlines()
    height = LINE * len(lines) + 2 * LEFT
    shown = "\n".join(
        f'<text x="{LEFT}" y="{LEFT + LINE * place + 12}" fill="{COLORS[kind(line)]}">{escape(line)}</text>'
        for place, line in enumerate(lines)
        if line
    )
    font = "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'font-family="{font}" font-size="13" role="img">\n<title>Recording of make demo</title>\n'
        f"<style>text {{ white-space: pre; }}</style>\n"
        f'<rect width="100%" height="100%" rx="8" fill="#1b1d21"/>\n{shown}\n</svg>\n'
    )


def page(html: str) -> str:
    """Return the verdict, the checks and the first plots of a report as a picture: no part of it names the run."""
    head, _, rest = html.partition("<body>")
    body = ElementTree.fromstring(f"<body>{rest.partition('</body>')[0]}</body>")  # noqa: S314  # our own report
    style = head.partition("<style>")[2].partition("</style>")[0].replace("body {", ".body {") + TIGHT
    plots = next(part for part in body if part.get("class") == "plots")
    for figure in list(plots)[PLOTS:]:
        plots.remove(figure)
    found = (body.find("header"), body.find("h2"), body.find("div[@class='scroll']"), plots)
    inner = "".join(ElementTree.tostring(part, encoding="unicode") for part in found if part is not None)
    width, height = PAGE
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">\n'
        f'<title>The report of a run</title>\n<foreignObject width="{width}" height="{height}">\n'
        f'<div xmlns="{XHTML}" class="body"><style>{style}</style>{inner}</div>\n</foreignObject>\n</svg>\n'
    )


def main(*files: str) -> None:
    """Write a picture beside each file: a recording, .txt, or a report, .html."""
    for path in map(Path, files):
        text = path.read_text(encoding="utf-8")
        path.with_suffix(".svg").write_text(page(text) if path.suffix == ".html" else terminal(text), encoding="utf-8")
