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
    facts = settings.github()
    title = f"**modelmake** on {facts.sha} · {pipeline()}"
    log = f"{facts.server_url}/{facts.repository}/actions/runs/{facts.run_id}"
    return "\n".join([mark(), f"{title} · [log]({log})", "", *parts])


def post(session: requests.Session, repository: str, number: str, body: str) -> str:
    """Write `body` to our comment on a pull request, or to a new one, and return its address.

    Raises
    ------
    requests.RequestException
        No answer, or a refusal: a fork's token can only read.

    """
    issues = f"{repository}/issues"
    url: str | None = f"{issues}/{number}/comments?per_page=100"
    comment_id: int | None = None
    while url and comment_id is None:
        page = session.get(url, timeout=api.PATIENCE)
        page.raise_for_status()
        comment_id = next((comment["id"] for comment in page.json() if comment["body"].startswith(mark())), None)
        url = page.links.get("next", {}).get("url")
    if comment_id is None:
        done = session.post(f"{issues}/{number}/comments", json={"body": body}, timeout=api.PATIENCE)
    else:
        done = session.patch(f"{issues}/comments/{comment_id}", json={"body": body}, timeout=api.PATIENCE)
    done.raise_for_status()
    return str(done.json()["html_url"])


def main() -> None:
    """Post the report if this is a pull request and the token can write; nothing depends on it."""
    pull, session = re.fullmatch(r"refs/pull/(\d+)/\w+", settings.github().ref), api.session()
    if not pull or session is None:
        print("not posted: " + ("no GITHUB_TOKEN" if pull else "this is not a pull request"))
        return
    try:
        print(post(session, api.repository(), pull[1], report()))
    except requests.RequestException as error:
        reason = api.refusal(error, "a fork's token can only read")
        print(f"not posted: {reason}")
