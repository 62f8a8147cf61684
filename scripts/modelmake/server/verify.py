"""Verify: compare the manifest of a backup with the answers of a server that runs on it, by REST."""

import hashlib
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from mlflow import MlflowClient
from mlflow.entities import Experiment, Run, ViewType
from mlflow.entities.model_registry import ModelVersion, RegisteredModel

from modelmake.core.errors import UserError
from modelmake.core.progress import Progress
from modelmake.server.archive import ARTIFACTS, Manifest
from modelmake.server.snapshot import fact
from modelmake.tracking.address import tracking_uri
from modelmake.tracking.responses import pages
from modelmake.tracking.runs import Tracking

MANIFEST = Path("build/verify.json")


def shown(client: MlflowClient) -> dict[str, str]:
    """Return the facts of scripts/modelmake/server/snapshot.py as the server shows them."""
    experiments: list[Experiment] = pages(lambda token: client.search_experiments(ViewType.ALL, page_token=token))
    ids = [experiment.experiment_id for experiment in experiments]
    runs: list[Run] = pages(lambda token: client.search_runs(ids, "", ViewType.ALL, page_token=token))
    versions: list[ModelVersion] = pages(lambda token: client.search_model_versions(page_token=token))
    models: list[RegisteredModel] = pages(lambda token: client.search_registered_models(page_token=token))
    rows: dict[str, list[tuple[object, ...]]] = {
        "runs": [(run.info.run_id, run.info.status, run.info.lifecycle_stage) for run in runs],
        "params": [(run.info.run_id, key, value) for run in runs for key, value in run.data.params.items()],
        "metrics": [(run.info.run_id, key, value) for run in runs for key, value in run.data.metrics.items()],
        "versions": [
            (version.name, version.version, version.run_id or "", version.source or "") for version in versions
        ],
        "aliases": [(model.name, alias, number) for model in models for alias, number in model.aliases.items()],
    }
    return {name: fact(values) for name, values in rows.items()}


def differing(files: dict[str, str], progress: Progress) -> Iterator[str]:
    """Yield every artifact that is missing on the server, or whose SHA-256 differs from the manifest's."""
    for name, digest in files.items():
        path = quote(name.removeprefix(f"{ARTIFACTS}/"))
        address = f"{tracking_uri()}/api/2.0/mlflow-artifacts/artifacts/{path}"
        try:
            with urllib.request.urlopen(address, timeout=60) as answer:  # noqa: S310  # our own server
                same = hashlib.file_digest(answer, "sha256").hexdigest() == digest
        except urllib.error.HTTPError:
            same = False
        progress.advance()
        if not same:
            yield name


def main() -> None:
    """Compare both, and print one table.

    Raises
    ------
    UserError
        A fact or an artifact differs from the manifest.

    """
    manifest = Manifest.model_validate_json(MANIFEST.read_bytes())
    facts = shown(Tracking().client)
    wrong = [name for name, expected in manifest.facts.items() if facts[name] != expected]
    for name, expected in manifest.facts.items():
        print(f"{'DIFF' if name in wrong else 'ok':<5}{name:<10}{expected.split()[0]:>8}")
    files = {name: digest for name, digest in manifest.files.items() if name.startswith(f"{ARTIFACTS}/")}
    with Progress("verifying", len(files), "artifacts") as progress:
        lost = list(differing(files, progress))
    print(f"{'DIFF' if lost else 'ok':<5}{'artifacts':<10}{len(files):>8}")
    if wrong or lost:
        what = f"a server on this backup differs in: {', '.join([*wrong, *lost])[:200]}"
        raise UserError("the backup", what, "keep it, and create a new one: make backup")
    print("verified: a server on this backup shows everything in the manifest")
