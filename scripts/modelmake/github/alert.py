"""Alert: keep one issue on GitHub about an alert of `make watch`, and start the pipeline if RETRAIN=1."""

import html
from datetime import UTC, datetime, timedelta

import requests

from modelmake.core import settings
from modelmake.core.errors import GitHubError, UserError
from modelmake.core.files import pipeline
from modelmake.github import api
from modelmake.watch.history import Watch

WORKFLOW, FILE = "mlops-pipeline.yml", ".github/workflows/watch.yml"
COOL_DOWN = timedelta(days=7)
FINDINGS, LENGTH = 50, 200  # of an issue, and of a finding: GitHub takes a body of 65,536 characters


def mark() -> str:
    """Return the first line of the pipeline's issue, by which it is found again."""
    return f"<!-- modelmake watch {pipeline().stem} -->"


def text(watch: Watch) -> str:
    """Return the issue's body."""
    findings = [finding[:LENGTH] for finding in watch.findings[:FINDINGS]]
    if more := len(watch.findings) - len(findings):
        findings.append(f"and {more} more")
    # A finding quotes values of requests, which must not be Markdown or a mention.
    quoted = html.escape("\n".join(findings), quote=False)
    return (
        f"{mark()}\nVersion {watch.version} of **{watch.name}** received {watch.n_rows} rows from {watch.since} to "
        f"{watch.until}. Two consecutive windows raise an alert:\n\n<pre>\n{quoted}\n</pre>\n\n[Report]({watch.url}) · "
        f"[log]({api.log()})\n\nThis issue is updated while it is open. Nothing was promoted."
    )


def report(session: requests.Session, watch: Watch) -> str:
    """Update the open issue of this pipeline, or open one, and return its address."""
    content = {"title": f"{watch.name}: {watch.headline[:1].lower()}{watch.headline[1:]}", "body": text(watch)}
    address, new = api.keep(session, f"{api.repository()}/issues", mark(), content)
    return f"{'opened' if new else 'updated'} {address}"


def retrain(session: requests.Session, watch: Watch) -> str:
    """Start the pipeline with the first finding as its reason, unless it was started within the cool-down."""
    workflow = f"{api.repository()}/actions/workflows/{WORKFLOW}"
    query = {"event": "workflow_dispatch", "per_page": "1"}
    runs = api.ask(session, "GET", f"{workflow}/runs", params=query)
    for last in runs.json()["workflow_runs"]:
        again = datetime.fromisoformat(last["created_at"]) + COOL_DOWN
        if last["status"] != "completed":
            return "not retrained: waiting until the pipeline ends"
        if datetime.now(UTC) < again:
            return f"not retrained: waiting until {again:%Y-%m-%d}, {COOL_DOWN.days} days after the last start"
    branch = settings.github().ref.removeprefix("refs/heads/") or "main"
    reason = f"watch: {watch.findings[0]}"[:LENGTH]
    api.ask(session, "POST", f"{workflow}/dispatches", json={"ref": branch, "inputs": {"reason": reason}})
    return f"started {WORKFLOW} on {branch}"


def main() -> None:
    """Report the alert of build/watch.json; print one line where there is nothing to do.

    Raises
    ------
    UserError
        `make watch` has left no receipt, or there is no token, as outside of a workflow.
    GitHubError
        GitHub refuses, or does not answer.

    """
    watch, session = Watch.read(), api.session()
    if not watch.alert:
        print("no alert: nothing to report")
        return
    if session is None:
        raise UserError("make alert", "no GITHUB_TOKEN: only a workflow on GitHub has one", f"see {FILE}")
    needs = "issues: write"
    try:
        print(report(session, watch))
        if settings.make().retrain:
            needs = "actions: write"
            print(retrain(session, watch))
    except requests.RequestException as error:
        reason = api.refusal(error, f"the job needs the permission {needs}")
        raise GitHubError("make alert", reason, f"see {FILE}") from None
