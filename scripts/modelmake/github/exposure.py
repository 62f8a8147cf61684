"""Exposure: refuse to fetch a table that nobody else may see, where anybody can download the snapshot."""

import requests

from modelmake.config import config as configuration
from modelmake.config.position import entry
from modelmake.core import settings
from modelmake.core.errors import GitHubError, UserError
from modelmake.github import api

OPEN = ("https://", "http://")  # who can read pipeline.toml can read these as well


def main() -> None:
    """Print that the artifacts of this workflow expose nothing.

    Raises
    ------
    UserError
        The repository is public, and the table comes from a database or a store that asks for credentials.
    GitHubError
        GitHub does not say whether the repository is public.

    """
    source, session = configuration.load().data.source, api.session()
    if source is None or source.lower().startswith(OPEN):
        print("exposure: the artifacts have no table that is not public where this repository is")
        return
    if session is None:
        raise UserError("make exposure", "no GITHUB_TOKEN: only a workflow on GitHub has one", "see pipeline.yml")
    try:
        private = bool(api.ask(session, "GET", api.repository()).json()["private"])
    except requests.RequestException as error:
        reason = api.refusal(error, "the job needs the permission contents: read")
        raise GitHubError("make exposure", reason, "see .github/workflows/pipeline.yml") from None
    if not private:
        what = (
            f"{settings.github().repository} is public: everybody could download the snapshot, an artifact of the run"
        )
        raise UserError(entry("data.source"), what, "make the repository private, or train where you run make fetch")
    print("exposure: the repository is private")
