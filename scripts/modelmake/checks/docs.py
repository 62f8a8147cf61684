"""Docs: docs/ as a site in build/site that loads nothing from the network, and the links between the pages, checked."""

import json
import re
import shutil
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from modelmake.checks import reference
from modelmake.core.errors import UserError

SITE = Path("build/site")
SCRIPTS = SITE / "assets/javascripts"
SHIM = re.compile(r'<script src="?https://[^"> ]*iframe-worker[^>]*></script>')
ELSEWHERE = re.compile(r"""["'`](?:https?:)?//(?:unpkg\.com|cdn\.|api\.github\.com|fonts\.)[^"'`]*""")
LOADED = re.compile(
    r"""<(?:script|link|img|iframe|source)\b[^>]*(?:src|href)="?(?:https?:)?//|@import|url\(["']?http"""
)
CODE = re.compile(r"^( *)```.*?^\1```$|`[^`\n]*`", re.M | re.S)
# A page that is opened from a folder may start no worker from a file, but one from a text.
WORKER = """\
if (location.protocol === "file:") {
  const text = %s, Started = Worker;
  window.Worker = function () { return new Started(URL.createObjectURL(new Blob([text]))); };
}
"""


def sources() -> list[Path]:
    """Return every page that is written in Markdown, on the site or beside it."""
    return sorted([*Path().glob("*.md"), *Path("docs").rglob("*.md")])


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as the site and GitHub make them."""
    headings = re.findall(r"^#+ +(.+)", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S), re.M)
    plain = (unicodedata.normalize("NFKD", heading).encode("ascii", "ignore").decode() for heading in headings)
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", text).strip().lower()) for text in plain}


def broken() -> list[str]:
    """Return the links between the pages that lead nowhere, one line each."""
    return [f"{page}: {link}: no such {what}" for page in sources() for link, what in _broken(page)]


def main() -> None:
    """Write the reference pages and model/names.json again, and leave the site in build/site.

    Raises
    ------
    UserError
        A link leads nowhere, a page can't be built, or one would load something from the network.

    """
    from modelmake.model import names  # noqa: PLC0415  # imports skops, which lint does not need

    print("▸ docs · building build/site", flush=True)
    reference.main()
    names.write()
    if links := broken():
        raise UserError("docs", "; ".join(links), "correct the link, or the heading")
    done = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--clean", "--strict"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise UserError("docs", f"zensical: {done.stdout.strip()} {done.stderr.strip()}", "correct the page")
    close()
    if pages := loading():
        raise UserError("docs", f"loads from the network: {', '.join(pages)}", "keep the file under docs/")
    print(f"docs    {SITE}/index.html")


def close() -> None:
    """Take out of the site what would be loaded from elsewhere, and what is not part of it."""
    [worker] = (SCRIPTS / "workers").glob("search.*.js")
    (SCRIPTS / "worker.js").write_text(WORKER % json.dumps(worker.read_text(encoding="utf-8")), encoding="utf-8")
    for page in SITE.rglob("*.html"):
        local = "../" * (len(page.relative_to(SITE).parts) - 1) + "assets/javascripts/worker.js"
        page.write_text(
            SHIM.sub(f'<script src="{local}"></script>', page.read_text(encoding="utf-8")), encoding="utf-8"
        )
    for script in SCRIPTS.glob("bundle.*.js"):
        script.write_text(ELSEWHERE.sub(lambda match: f"{match[0][0]}about:blank", script.read_text(encoding="utf-8")))
    for text in (SITE / "reference").glob("*.toml"):
        text.unlink()
    shutil.rmtree(".cache", ignore_errors=True)  # zensical's


def loading() -> list[str]:
    """Return the files of the site that load something from the network as a page is opened."""
    files = [path for path in SITE.rglob("*") if path.suffix in (".html", ".css", ".js")]
    text = {path: path.read_text(encoding="utf-8") for path in files if path.name != "search.js"}
    return [str(path) for path in text if LOADED.search(text[path]) or ELSEWHERE.search(text[path])]


def _broken(page: Path) -> Iterator[tuple[str, str]]:
    """Yield each link of a page that leads nowhere, with what is missing."""
    text = CODE.sub("", page.read_text(encoding="utf-8"))
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        if re.match(r"[a-z]+:", link):
            continue
        if not target.exists():
            yield link, "file"
        elif anchor and anchor not in anchors(target.read_text(encoding="utf-8")):
            yield link, "heading"
