"""Comment: post the report on the pull request, as one comment that later pushes update."""

import re

import requests

from scripts.core import settings
from scripts.core.receipt import BUILD

MARK = "<!-- modelmake -->"
PARTS = ("lint", "test", "train", "report", "evaluate", "register")


def report() -> str:
    """Return the stages' summaries under build/ as one text."""
    parts = [path.read_text(encoding="utf-8") for name in PARTS if (path := BUILD / f"{name}.md").exists()]
    commit, server, repository, run = (settings.github(name) for name in ("SHA", "SERVER_URL", "REPOSITORY", "RUN_ID"))
    return "\n".join([MARK, f"**modelmake** on {commit} · [log]({server}/{repository}/actions/runs/{run})", "", *parts])


def post(session: requests.Session, repository: str, number: str, body: str) -> str:
    """Write `body` into our comment on a pull request, made where there is none, and return its address.

    Raises
    ------
    requests.RequestException
        No answer, or a refusal: a fork's token may only read.

    """
    issues = f"{repository}/issues"
    url, ours = f"{issues}/{number}/comments?per_page=100", None
    while url and ours is None:
        page = session.get(url, timeout=30)
        page.raise_for_status()
        ours = next((each["id"] for each in page.json() if each["body"].startswith(MARK)), None)
        url = page.links.get("next", {}).get("url")
    if ours is None:
        done = session.post(f"{issues}/{number}/comments", json={"body": body}, timeout=30)
    else:
        done = session.patch(f"{issues}/comments/{ours}", json={"body": body}, timeout=30)
    done.raise_for_status()
    return done.json()["html_url"]


def main() -> None:
    """Post it where this is a pull request and the token may; nothing depends on it."""
    pull = re.fullmatch(r"refs/pull/(\d+)/\w+", settings.github("REF"))
    token = settings.github("TOKEN")
    if not pull or not token:
        print("not posted: " + ("no GITHUB_TOKEN" if pull else "this is no pull request"))
        return
    session = requests.Session()
    session.headers.update({"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"})
    repository = f"{settings.github('API_URL')}/repos/{settings.github('REPOSITORY')}"
    try:
        print(post(session, repository, pull[1], report()))
    except requests.HTTPError as error:
        print(f"not posted: GitHub answers {error.response.status_code} (a fork's token may only read)")
    except requests.RequestException as error:
        print(f"not posted: {type(error).__name__}")
