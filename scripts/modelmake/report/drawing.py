"""A drawing as SVG for light and dark pages: the style, axes that become a plot, and names that fit."""

import io
import math
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from itertools import takewhile

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.rcsetup import cycler
from matplotlib.typing import RcKeyType

INK = "#010203"  # replaced by the page's own colour of text
COLOURS = ("#3b82c4", "#d9822b", "#3a9d6e", "#b35cc1", "#c9524f", "#8a8f2e", "#5f6fd0", "#a0703c")
SHADES = LinearSegmentedColormap.from_list("shades", [(0.23, 0.51, 0.77, 0.0), (0.23, 0.51, 0.77, 0.65)])
STYLE: dict[RcKeyType, object] = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # a dollar sign in a name is text
    "svg.hashsalt": "modelmake",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=COLOURS),
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "savefig.transparent": True,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}
JOINERS = "\u200c\u200d"  # no glyphs of their own, but a part of words
WIDE = 6  # inches that half of the page has no room for
NAME = 24  # characters of a name that a plot has room for


@dataclass(frozen=True)
class Plot:
    """One plot.

    Parameters
    ----------
    name : str
        Of its file, and unique in the page.
    title : str
        The title.
    alt : str
        The text alternative, or why the plot is left out.
    svg : str
        The drawing; empty if the plot is left out.
    wide : bool
        Whether it needs the width of the page.

    """

    name: str
    title: str
    alt: str
    svg: str = ""
    wide: bool = False


def short(name: object, length: int = NAME) -> str:
    """Return a name on one line, without its middle if it is long: long names often differ at their ends.

    Examples
    --------
    >>> short("petal_width")
    'petal_width'
    >>> short("share_of_customers_older_than_60", 20)
    'share_of_c…r_than_60'

    """
    text = _line(name)
    head = length // 2
    return text if len(text) <= length else f"{text[:head]}…{text[head + 1 - length :]}"


def distinct(names: Iterable[object], length: int = NAME) -> list[str]:
    """Return short names that differ where the names do: the part that differs is kept, or they are numbered.

    Examples
    --------
    >>> distinct(["intensity_of_gene_17_in_the_blood", "intensity_of_gene_18_in_the_blood"])
    ['…gene_17…', '…gene_18…']

    """
    lines = [_line(name) for name in names]
    texts = [short(line, length) for line in lines]
    if len(set(texts)) < len(texts):
        counts = Counter(texts)
        alike = [k for k, text in enumerate(texts) if counts[text] > 1]
        for k, part in zip(alike, _differing([lines[k] for k in alike]), strict=True):
            texts[k] = short(part, length)
    copies: Counter[str] = Counter()
    for k, text in enumerate(texts):
        copies[text] += 1
        texts[k] = text if copies[text] == 1 else f"{text} ({copies[text]})"
    return texts


def _differing(lines: Sequence[str]) -> list[str]:
    """Return the words of each line that are not the same in all, and the word before them."""
    head = _common(lines)
    tail = _common([line[len(head) :][::-1] for line in lines])[::-1]
    before, after = re.search(r"[^\W_]*[\W_]*[^\W_]*$", head), re.match(r"[^\W_]*", tail)
    first, last = before.start() if before else 0, len(tail) - (after.end() if after else 0)
    return ["…" * (first > 0) + line[first : len(line) - last] + "…" * (last > 0) for line in lines]


def _common(lines: Sequence[str]) -> str:
    """Return what all lines begin with."""
    return "".join(letters[0] for letters in takewhile(lambda some: len(set(some)) == 1, zip(*lines, strict=False)))


def _line(name: object) -> str:
    """Return a name on one line, without characters that have no shape."""
    text = "".join(letter if letter.isprintable() or letter in JOINERS else " " for letter in str(name))
    return " ".join(text.split()) or "(empty)"


@contextmanager
def style() -> Iterator[None]:
    """Draw in the style of the report."""
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        # The page's font has letters that matplotlib's has not, and matplotlib only measures them.
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        warnings.filterwarnings("ignore", "Matplotlib currently does not support .* natively", UserWarning)
        yield


@contextmanager
def axes(width: float = 4.6, height: float = 3.8) -> Iterator[tuple[Axes, Callable[..., Plot]]]:
    """Yield axes of a size in inches, and a function that returns the drawn plot from its name, title and alt.

    The legend of named lines is below the axes, where it covers nothing.
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasSVG(figure)

    def finished(name: str, title: str, alt: str, lines: Mapping[str, Line2D] | None = None) -> Plot:
        if lines:
            figure.set_size_inches(width, height + 0.2 * math.ceil(len(lines) / 2))
            figure.legend(list(lines.values()), list(lines), loc="outside lower left", ncols=2, fontsize=9)
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
        svg = file.getvalue()
        label = f'<svg role="img" aria-label="{escape(alt, quote=True)}" '
        svg = label + _embedded(svg[svg.index("<svg") :], name).removeprefix("<svg ")
        return Plot(name, title, alt, svg, wide=width > WIDE)

    yield figure.subplots(), finished


def _embedded(svg: str, name: str) -> str:
    """Return the drawing in the page's colour, with ids that `name` makes unique in the page. Text is not touched."""

    def tag(match: re.Match[str]) -> str:
        text = match[0].replace(INK, "currentColor")
        return re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", text)

    return re.sub(r"<[^>]*>", tag, svg)
