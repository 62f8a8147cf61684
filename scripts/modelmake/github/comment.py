"""Comment: post the report on the pull request as one comment, which later pushes update."""

import re

import requests

from modelmake.core import settings
from modelmake.core.files import MAIN, pipeline, place
from modelmake.github import api

PARTS = ("lint", "test", "train", "report", "evaluate", "register")


def mark() -> str:
    """Return the first line of the pipeline's comment, by which it is found again."""
    return f"<!-- modelmake{'' if pipeline() == MAIN else f' {pipeline().stem}'} -->"


def report() -> str:
    """Return the stages' summaries under build/ as one text."""
    parts = [path.read_text(encoding="utf-8") for name in PARTS if (path := place(f"{name}.md")).exists()]
    title = f"**modelmake** on {settings.github().sha} · {pipeline()} · [log]({api.log()})"
    return "\n".join([mark(), title, "", *parts])


def main() -> None:
    """Post the report if this is a pull request and the token can write; nothing depends on it."""
    pull, session = re.fullmatch(r"refs/pull/(\d+)/\w+", settings.github().ref), api.session()
    if not pull or session is None:
        print("not posted: " + ("no GITHUB_TOKEN" if pull else "this is not a pull request"))
        return
    try:
        address, _ = api.keep(session, f"{api.repository()}/issues/{pull[1]}/comments", mark(), {"body": report()})
        print(address)
    except requests.RequestException as error:
        reason = api.refusal(error, "a fork's token can only read")
        print(f"not posted: {reason}")
