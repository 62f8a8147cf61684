"""GitHub: requests to its API, with the token of the workflow."""

from collections.abc import Mapping
from typing import Any

import requests

from modelmake.core import settings

PATIENCE = 30  # seconds for an answer


def session() -> requests.Session | None:
    """Return a session with the token, None where there is no token, as outside of a workflow."""
    token = settings.github().token
    if not token:
        return None
    opened = requests.Session()
    opened.headers.update({"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"})
    return opened


def repository() -> str:
    """Return the address of the repository in the API."""
    return f"{settings.github().api_url}/repos/{settings.github().repository}"


def log() -> str:
    """Return the address of the workflow run's log."""
    facts = settings.github()
    return f"{facts.server_url}/{facts.repository}/actions/runs/{facts.run_id}"


def ask(
    session: requests.Session,
    method: str,
    url: str,
    **more: Any,  # noqa: ANN401  # of requests
) -> requests.Response:
    """Return the answer to a request; raises requests.RequestException for a refusal, or where there is none."""
    answer = session.request(method, url, timeout=PATIENCE, **more)
    answer.raise_for_status()
    return answer


def keep(session: requests.Session, entries: str, mark: str, content: Mapping[str, str]) -> tuple[str, bool]:
    """Write `content` to the entry of a list whose body begins with `mark`, or to a new one.

    Parameters
    ----------
    session : requests.Session
        With a token that may write.
    entries : str
        The address of the list: the issues of a repository, or the comments of an issue.
    mark : str
        The first line of our body. A pull request is never ours, although GitHub lists it as an issue.
    content : mapping of str to str
        The body, and what else is written.

    Returns
    -------
    tuple of (str, bool)
        The address of the entry, and whether it is new.

    Raises
    ------
    requests.RequestException
        No answer, or a refusal: a fork's token can only read.

    """
    url: str | None = f"{entries}?state=open&per_page=100"
    ours: str | None = None
    while url and ours is None:
        page = ask(session, "GET", url)
        theirs = (entry for entry in page.json() if "pull_request" not in entry)
        ours = next((entry["url"] for entry in theirs if (entry["body"] or "").startswith(mark)), None)
        url = page.links.get("next", {}).get("url")
    done = ask(session, "PATCH" if ours else "POST", ours or entries, json=content)
    return str(done.json()["html_url"]), ours is None


def refusal(error: requests.RequestException, permission: str) -> str:
    """Return why a request failed, as a few words without the address; `permission` is what it needs."""
    if error.response is not None:
        return f"GitHub answers {error.response.status_code} ({permission})"
    return type(error).__name__
