"""The documentation: reference pages that agree with the code, links that lead somewhere, words that can be typed."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from modelmake.checks import docs, reference
from modelmake.core.errors import PipelineError
from tests.conftest import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z-]+):.*?## ", MAKEFILE, re.M))
VARIABLES = set(re.findall(r"^([A-Z_]+) \?=", MAKEFILE, re.M))
READ = VARIABLES | set(re.findall(r"\b[A-Za-z_]+\b", (ROOT / "docker/environment.sh").read_text()))
NO_VARIABLES = {"NA"}  # words in capitals that pages show as code
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.fixture(autouse=True)
def _at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pages are made from the checkout itself."""
    monkeypatch.chdir(ROOT)


def commands(page: Path) -> list[str]:
    """Return what a page shows as code: its inline code, and the lines of its shell blocks."""
    text = page.read_text()
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```", text, re.M | re.S)
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"^ *```.*?^ *```", "", text, flags=re.M | re.S))
    return [line.strip() for code in (*inline, *blocks) for line in code.splitlines()]


def test_the_reference_pages_are_as_the_code_is() -> None:
    """`make docs` would change nothing."""
    assert reference.stale() == []


def test_a_changed_help_line_makes_a_page_stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that disagrees with the Makefile is named."""
    (tmp_path / "Makefile").write_text(MAKEFILE.replace(" ## ", " ## really "))
    monkeypatch.setattr(reference, "MAKEFILE", tmp_path / "Makefile")
    assert "docs/reference/commands.md: out of date" in reference.stale()


def test_a_key_without_a_meaning_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever adds a key to pipeline.toml explains it."""
    schema = {"properties": {"fuel": {"type": "string"}}, "required": ["fuel"]}
    with pytest.raises(KeyError, match="fuel: no text below its field"):
        reference.pipeline(schema)


ENDINGS = "|".join(["InvalidValue", *(ending.__name__ for ending in PipelineError.__subclasses__())])
RAISES = {".py": re.compile(rf"(?<!class )\b(?:{ENDINGS})\("), ".sh": re.compile(r"\bdie [\w\"./]")}
KINDS = re.findall(
    r"^### ([^\n]+)\n<!-- ([^\n]+) -->\n\n```text\n(.*?)```",
    (ROOT / "docs/reference/errors.md").read_text(),
    re.M | re.S,
)


def test_every_file_that_raises_an_error_has_a_heading() -> None:
    """The kinds of error are the files that raise them: each has a heading, and no heading is without one."""
    folders = (ROOT / "scripts/modelmake", ROOT / "tests/load", ROOT / "docker")
    sources = [path for folder in folders for path in folder.rglob("*.*") if path.suffix in RAISES]
    raising = {named(path) for path in sources if RAISES[path.suffix].search(path.read_text())}
    assert raising == {file for _, files, _ in KINDS for file in files.split()}


@pytest.mark.parametrize(("title", "files", "lines"), KINDS, ids=[kind[0] for kind in KINDS])
def test_the_lines_on_the_page_of_errors_are_printed(title: str, files: str, lines: str) -> None:
    """The words of each line stand in a file that the heading names."""
    code = "\n".join(source(file).read_text() for file in files.split())
    parts = {part for text in re.split(r"[\"{}\n]|\$\w+", code) if len(part := text.strip(" ,:;()")) >= 8}
    for line in lines.splitlines():
        assert any(part in line for part in parts), f"{title}: {line}"


def named(path: Path) -> str:
    """Return the name of a file as errors.md has it: a module by its room."""
    home = ROOT / "scripts/modelmake"
    return str(path.relative_to(home).with_suffix("") if path.is_relative_to(home) else path.relative_to(ROOT))


def source(name: str) -> Path:
    """Return the file of such a name."""
    return ROOT / name if "." in name else ROOT / "scripts/modelmake" / f"{name}.py"


def test_every_link_leads_somewhere() -> None:
    """Files and headings, between all the pages."""
    assert docs.broken() == []


@pytest.mark.parametrize(("link", "missing"), [("gone.md", "file"), ("#gone", "heading"), ("b.md#gone", "heading")])
def test_a_broken_link_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, link: str, missing: str) -> None:
    """With its page, and with what is missing."""
    (tmp_path / "a.md").write_text(
        f"# A\n\n[there](b.md#part-one) [not]({link}) `[code](no.md)` [out](https://x.org)\n"
    )
    (tmp_path / "b.md").write_text("# B\n\n## Part one\n")
    monkeypatch.chdir(tmp_path)
    assert docs.broken() == [f"a.md: {link}: no such {missing}"]


def test_the_readme_is_short() -> None:
    """Who wants to know more reads docs/."""
    assert len((ROOT / "README.md").read_text().split()) <= 650


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_names_only_what_exists(page: Path) -> None:
    """Every `make …` can be typed, and every variable in capitals is read."""
    for line in commands(page):
        if made := re.match(r"(?:(?:sudo|[A-Z_]+=\S+) )*make((?: [a-z-]+\b(?!=))+)", line):
            assert set(made[1].split()) <= TARGETS, line
        names = re.findall(r"\b([A-Z_]{2,})=", line) if made else re.findall(r"^([A-Z_]{2,})(?:=\S*)?$", line)
        assert {name.removeprefix("MODELMAKE_") for name in names} <= READ | NO_VARIABLES, line


def test_every_command_and_variable_is_in_the_reference() -> None:
    """Those of the Makefile, with their help line."""
    shown = (ROOT / "docs/reference/commands.md").read_text()
    assert {target for target in TARGETS if f"| `make {target}` |" not in shown} == set()
    shown = (ROOT / "docs/reference/variables.md").read_text()
    assert {name for name in VARIABLES if f"| `{name}` |" not in shown} == set()


def test_git_hooks_call_make_and_download_nothing() -> None:
    """The hooks speak make's verbs, and come from this repository."""
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    assert re.findall(r"^ +(?:- )?repo: (.+)$", hooks, re.M) == ["local"]
    assert re.findall(r"^ +language: (.+)$", hooks, re.M) == ["system", "system"]
    entries = re.findall(r"^ +entry: (.+)$", hooks, re.M)
    assert entries == ["make lint", "make test"]


def site(folder: Path, page: str) -> None:
    """Lay a built site out, as far as it is looked at."""
    (folder / "build/site/assets/javascripts/workers").mkdir(parents=True)
    (folder / "build/site/assets/javascripts/workers/search.1.min.js").write_text("self.onmessage = 1")
    (folder / "build/site/assets/javascripts/bundle.1.min.js").write_text('load("https://unpkg.com/mermaid@12/x.js")')
    (folder / "build/site/howto").mkdir()
    (folder / "build/site/howto/gate.html").write_text(page)


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A way to have a page built, and then closed as `make docs` does it."""
    monkeypatch.chdir(tmp_path)

    def build(page: str) -> None:
        site(tmp_path, page)
        docs.close()

    return build


def test_the_site_loads_nothing_from_the_network(built: Callable[[str], None]) -> None:
    """Scripts of others are taken out; a link that a person follows stays."""
    built('<script src="https://unpkg.com/iframe-worker/shim"></script><a href="https://zensical.org/">Zensical</a>')
    assert docs.loading() == []
    assert '<script src="../assets/javascripts/worker.js">' in Path("build/site/howto/gate.html").read_text()


@pytest.mark.parametrize("tag", ['<img src="https://x.org/a.png">', "<link rel=stylesheet href=//fonts.x.org/css>"])
def test_what_would_load_from_the_network_is_named(built: Callable[[str], None], tag: str) -> None:
    """A picture or a style of somewhere else makes `make docs` fail."""
    built(tag)
    assert docs.loading() == ["build/site/howto/gate.html"]


@pytest.mark.stack
def test_make_docs_builds_a_site_that_opens_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The generator of the lock builds every page, with the search's worker beside it, and nothing from the network."""
    pytest.importorskip("zensical")
    for name in ("docs", "scripts", "tests/load"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    pages_of_the_root = [path.name for path in ROOT.glob("*.md")]
    for name in ("docker/environment.sh", "docker/host/help.awk", "Makefile", "zensical.toml", *pages_of_the_root):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    docs.main()
    pages = {path.relative_to("docs").with_suffix("") for path in Path("docs").rglob("*.md")}
    assert {path.relative_to(docs.SITE).with_suffix("") for path in docs.SITE.rglob("*.html")} == {*pages, Path("404")}
    assert docs.loading() == []
    assert (docs.SITE / "assets/javascripts/worker.js").exists()


def test_the_flow_fits_a_narrow_screen() -> None:
    """Below 640 px it goes from top to bottom, in a picture that is not wider than a phone and has all its words."""
    css = (ROOT / "docs/site.css").read_text()
    page = (ROOT / "docs/index.md").read_text()
    narrow = re.search(r'<source media="\(max-width: (\d+)px\)" srcset="([a-z-]+\.svg)">', page)
    assert narrow
    widest = re.search(rf"@media \(max-width: {narrow[1]}px\) {{\s+\.flow img {{\s+max-width: (\d+)px", css)
    assert widest
    text = (ROOT / "docs" / narrow[2]).read_text()
    width, height = map(int, re.findall(r'viewBox="0 0 (\d+) (\d+)"', text)[0])
    assert width <= int(widest[1]) <= 390 < height
    places = re.findall(r'<text x="(\d+)" y="(\d+)"', text)
    assert places
    assert all(0 < int(x) < width and 0 < int(y) < height for x, y in places)
    wide = (ROOT / "docs/flow.svg").read_text()
    words = [set(re.findall(r"\w[\w.@]*", " ".join(re.findall(r"<text[^>]*>([^<]*)", one)))) for one in (wide, text)]
    assert words[0] - words[1] <= {"MLflow"}
    assert words[1] <= words[0]
