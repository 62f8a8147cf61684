"""Page: HTML pages in one style, and Markdown, from the templates beside this module and others that extend them."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).parent


def render(name: str, facts: Mapping[str, object], *, autoescape: bool, folder: Path) -> str:
    """Return the text of a template in a folder, which may extend that beside this module.

    A fact that it needs and does not get is an error.
    """
    return _environment(autoescape, folder).get_template(name).render(facts)


@cache
def _environment(autoescape: bool, folder: Path) -> Environment:
    environment = Environment(
        loader=FileSystemLoader([folder, TEMPLATES]),
        autoescape=autoescape,  # noqa: S701  # off for Markdown only
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["cell"] = lambda text: str(text).replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
    return environment
