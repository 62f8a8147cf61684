"""Verify: ask a server that was started on a backup for all that the backup's manifest says, by REST."""

import hashlib
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

from mlflow import MlflowClient
from mlflow.entities import ViewType
from rich.progress import track

from scripts.core.errors import UserError
from scripts.server.archive import ARTIFACTS, fact
from scripts.tracking.runs import Tracking, tracking_uri

MANIFEST = Path("build/verify.json")


def pages(search: Callable[..., Sequence[object]], **query: object) -> Iterator[object]:
    """Yield all that a search of MLflow's finds, page by page."""
    token = None
    while token != "":
        found = search(page_token=token, **query)
        yield from found
        token = found.token or ""


def shown(client: MlflowClient) -> dict[str, str]:
    """Return the facts of scripts/state.py as the server shows them."""
    experiments = [each.experiment_id for each in pages(client.search_experiments, view_type=ViewType.ALL)]
    runs = list(pages(client.search_runs, experiment_ids=experiments, run_view_type=ViewType.ALL))
    versions = list(pages(client.search_model_versions))
    rows = {
        "runs": [(run.info.run_id, run.info.status, run.info.lifecycle_stage) for run in runs],
        "params": [(run.info.run_id, key, value) for run in runs for key, value in run.data.params.items()],
        "metrics": [(run.info.run_id, key, value) for run in runs for key, value in run.data.metrics.items()],
        "versions": [(each.name, each.version, each.run_id or "", each.source or "") for each in versions],
        "aliases": [
            (model.name, alias, version)
            for model in pages(client.search_registered_models)
            for alias, version in model.aliases.items()
        ],
    }
    return {name: fact(each) for name, each in rows.items()}


def differing(files: dict[str, str]) -> Iterator[str]:
    """Yield every artifact that the server gives out with another SHA-256 than the manifest's, or not at all."""
    for name, digest in track(files.items(), "artifacts", transient=True):
        path = quote(name.removeprefix(f"{ARTIFACTS}/"))
        address = f"{tracking_uri()}/api/2.0/mlflow-artifacts/artifacts/{path}"
        try:
            with urllib.request.urlopen(address, timeout=60) as answer:  # noqa: S310  # our own server
                same = hashlib.file_digest(answer, "sha256").hexdigest() == digest
        except urllib.error.HTTPError:
            same = False
        if not same:
            yield name


def main() -> None:
    """Compare, and print one table.

    Raises
    ------
    UserError
        Something is not what the manifest says.

    """
    manifest = json.loads(MANIFEST.read_bytes())
    wrong, found = [], shown(Tracking().client)
    for name, expected in manifest["facts"].items():
        mark = "ok" if found[name] == expected else "DIFF"
        wrong += [name] * (mark == "DIFF")
        print(f"{mark:<5}{name:<10}{expected.split()[0]:>8}")
    files = {name: digest for name, digest in manifest["files"].items() if name.startswith(f"{ARTIFACTS}/")}
    lost = list(differing(files))
    print(f"{'DIFF' if lost else 'ok':<5}{'artifacts':<10}{len(files):>8}")
    if wrong or lost:
        what = f"the server started on it shows something else: {', '.join([*wrong, *lost])[:200]}"
        raise UserError("the backup", what, "keep it, and take another one: make backup")
    print("verified: a server started on it shows all that was kept")
