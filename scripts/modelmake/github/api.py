"""GitHub: requests to its API, with the token of the workflow."""

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


def refusal(error: requests.RequestException, permission: str) -> str:
    """Return why a request failed, as a few words without the address; `permission` is what it needs."""
    if error.response is not None:
        return f"GitHub answers {error.response.status_code} ({permission})"
    return type(error).__name__
