"""Comment: post the report on the pull request as one comment, which later pushes update."""

import re

import requests

from modelmake.core import settings
from modelmake.core.files import MAIN, pipeline, place
from modelmake.github import api

MOST = 65_536  # characters that GitHub takes
HEADING = re.compile(r"(?<=\n)(#.*|\*\*[^*\n]+\*\*)\n|(?<!\*\*)\n\n(?=\|)")  # or a table without one
PARTS = ("lint", "test", "train", "report", "evaluate", "register")


def mark() -> str:
    """Return the first line of the pipeline's comment, by which it is found again."""
    return f"<!-- modelmake{'' if pipeline() == MAIN else f' {pipeline().stem}'} -->"


def report() -> str:
    """Return the stages' summaries under build/ as one text, cut at a heading where GitHub takes no more."""
    parts = [path.read_text(encoding="utf-8") for name in PARTS if (path := place(f"{name}.md")).exists()]
    title = f"**modelmake** on {settings.github().sha} · {pipeline()} · [log]({api.log()})"
    whole = "\n".join([mark(), title, "", *parts])
    rest = f"\n\n**Cut**: the whole report is in the summary of the job, see the [log]({api.log()})."
    return whole if len(whole) <= MOST else cut(whole, MOST - len(rest)) + rest


def cut(text: str, most: int) -> str:
    r"""Return what comes before the last heading or table that begins in `most` characters, else whole lines.

    Examples
    --------
    >>> cut("# A\n\nfirst\n\n# B\n\nsecond", 18)
    '# A\n\nfirst'

    """
    starts = [found.start() for found in HEADING.finditer(text, 0, most)]
    return text[: starts[-1] if starts else text.rfind("\n", 0, most)].rstrip()


def main() -> None:
    """Post the report if this is a pull request and the token can write; nothing depends on it."""
    pull, session = re.fullmatch(r"refs/pull/(\d+)/\w+", settings.github().ref), api.session()
    if not pull or session is None:
        print("not posted: " + ("no GITHUB_TOKEN" if pull else "this is not a pull request"))
        return
    try:
        url, _ = api.keep(session, f"{api.repository()}/issues/{pull[1]}/comments", mark(), {"body": report()})
        print(url)
    except requests.RequestException as error:
        reason = api.refusal(error, "a fork's token can only read")
        print(f"not posted: {reason}")
