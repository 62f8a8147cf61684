"""Alert: keep one issue on GitHub about an alert of `make watch`, and start the pipeline if RETRAIN says so."""

import json
from datetime import UTC, datetime, timedelta

import requests

from scripts.checks import github
from scripts.core import settings
from scripts.core.errors import PipelineError
from scripts.core.files import pipeline
from scripts.watch.past import Watch

WORKFLOW = "mlops-pipeline.yml"
COOL_DOWN = timedelta(days=7)


class NotReported(PipelineError):
    """GitHub does not take the alert."""

    outcome = "the alert is not reported"


def mark() -> str:
    """Return the first line of the pipeline's issue, by which it is found again."""
    return f"<!-- modelmake watch {pipeline().stem} -->"


def text(watch: Watch) -> str:
    """Return the issue's body."""
    address, name = settings.github("SERVER_URL"), settings.github("REPOSITORY")
    log = f"{address}/{name}/actions/runs/{settings.github('RUN_ID')}"
    findings = "\n".join(f"- {finding}" for finding in watch.findings)
    return (
        f"{mark()}\nVersion {watch.version} of **{watch.name}** was asked {watch.n_rows} rows from {watch.since} to "
        f"{watch.until}, and two windows running raise an alert:\n\n{findings}\n\n[Report]({watch.url}) · "
        f"[log]({log})\n\nThis issue is updated while it is open. Nothing was promoted."
    )


def report(session: requests.Session, watch: Watch) -> str:
    """Update the open issue of this pipeline, or open one, and return its address."""
    issues, title = f"{github.repository()}/issues", f"{watch.name}: the data has moved"
    url: str | None = f"{issues}?state=open&per_page=100"
    number: int | None = None
    while url and number is None:
        page = session.get(url, timeout=github.PATIENCE)
        page.raise_for_status()
        ours = (issue["number"] for issue in page.json() if (issue["body"] or "").startswith(mark()))
        number = next(ours, None)
        url = page.links.get("next", {}).get("url")
    body = {"title": title, "body": text(watch)}
    if number is None:
        done = session.post(issues, json=body, timeout=github.PATIENCE)
    else:
        done = session.patch(f"{issues}/{number}", json=body, timeout=github.PATIENCE)
    done.raise_for_status()
    return f"{'opened' if number is None else 'updated'} {done.json()['html_url']}"


def retrain(session: requests.Session, watch: Watch) -> str:
    """Start the pipeline with the first finding as its reason, unless it was started within the cool-down."""
    workflow = f"{github.repository()}/actions/workflows/{WORKFLOW}"
    query = {"event": "workflow_dispatch", "per_page": "1"}
    runs = session.get(f"{workflow}/runs", params=query, timeout=github.PATIENCE)
    runs.raise_for_status()
    for last in runs.json()["workflow_runs"]:
        age = datetime.now(UTC) - datetime.fromisoformat(last["created_at"])
        if age < COOL_DOWN or last["status"] != "completed":
            return f"not retrained: the pipeline was started {age.days} days ago, and {COOL_DOWN.days} have to pass"
    branch = settings.github("REF").removeprefix("refs/heads/") or "main"
    reason = f"drift: {watch.findings[0]}"[:200]
    asked = {"ref": branch, "inputs": {"reason": reason}}
    done = session.post(f"{workflow}/dispatches", data=json.dumps(asked), timeout=github.PATIENCE)
    done.raise_for_status()
    return f"started {WORKFLOW} on {branch}"


def main() -> None:
    """Report the alert of build/watch.json; print one line where there is nothing to do.

    Raises
    ------
    UserError
        `make watch` has left no receipt.
    NotReported
        GitHub refuses, or does not answer.

    """
    watch, session = Watch.read(), github.session()
    if not watch.alert:
        print("no alert: nothing to report")
        return
    if session is None:
        print("not reported: no GITHUB_TOKEN, as outside of a workflow")
        return
    needs = "the job needs the permissions issues: write and actions: write"
    try:
        print(report(session, watch))
        if settings.switch("RETRAIN"):
            print(retrain(session, watch))
    except requests.RequestException as error:
        raise NotReported("make alert", github.refusal(error, needs), "see .github/workflows/watch.yml") from None
