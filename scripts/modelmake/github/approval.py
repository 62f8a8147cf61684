"""Approval: say who approved this run of a workflow, or that nobody had to."""

import requests

from modelmake.config.receipt import summarize
from modelmake.core import settings
from modelmake.core.errors import UserError
from modelmake.github import api

FIX = "Settings → Environments → production → Required reviewers"


def main() -> None:
    """Print the reviewers of this run, and add them to the job's summary; raises UserError outside of a workflow."""
    session = api.session()
    if session is None:
        raise UserError("make approval", "no GITHUB_TOKEN: only a workflow on GitHub has one", "see promote.yml")
    try:
        reviews = api.ask(
            session, "GET", f"{api.repository()}/actions/runs/{settings.github().run_id}/approvals"
        ).json()
    except requests.RequestException as error:
        said = f"it is not known who approved: {api.refusal(error, 'the job needs the permission actions: read')}"
    else:
        names = [review["user"]["login"] for review in reviews if review["state"] == "approved"]
        said = (
            f"approved by {', '.join(names)}"
            if names
            else f"nobody had to approve ({FIX}; see {settings.page('howto/github.md')})"
        )
    print(said if said.startswith("approved") else f"::warning title=approval::{said}")
    summarize("approval", {"result": said})
