"""Gc: remove deleted runs, models and experiments, and unused folders; never those of a registered version.

MLflow's own gc does not check whether a version still needs a run's files. docker/server/state.sh runs this on the
server's volume; it only lists the garbage unless FORCE=1 is set.
"""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from modelmake.core import settings
from modelmake.server import snapshot
from modelmake.server.archive import ARTIFACTS, DATABASE, opened

VERSIONS = "FROM model_versions WHERE current_stage != 'Deleted_Internal'"
# A version needs the run that it names, the model that it was made from, and the run of that model.
MODELS = f"SELECT model_id FROM logged_models WHERE 'models:/' || model_id IN (SELECT source {VERSIONS})"  # noqa: S608
DIRECT = (
    f"SELECT run_id {VERSIONS} AND run_id IS NOT NULL "  # noqa: S608  # from above
    f"UNION SELECT source_run_id FROM logged_models WHERE model_id IN ({MODELS}) AND source_run_id IS NOT NULL"
)
# And the run that keeps the table of such a run (scripts/modelmake/tracking/tables.py): the tag is <run>/table/<name>.
RUNS = (
    f"{DIRECT} UNION SELECT substr(value, 1, instr(value, '/') - 1) FROM tags "  # noqa: S608  # from above
    f"WHERE key = 'modelmake.snapshot' AND run_uuid IN ({DIRECT})"
)
EXPERIMENTS = (
    f"SELECT experiment_id FROM runs WHERE run_uuid IN ({RUNS}) "  # noqa: S608
    f"UNION SELECT experiment_id FROM logged_models WHERE model_id IN ({MODELS})"
)
DELETED = (
    "SELECT run_uuid FROM runs WHERE lifecycle_stage = 'deleted'",
    "SELECT model_id FROM logged_models WHERE lifecycle_stage = 'deleted'",
    "SELECT experiment_id FROM experiments WHERE lifecycle_stage = 'deleted'",
)


@dataclass(frozen=True)
class Garbage:
    """What can be removed, and what is deleted but needed by a version."""

    runs: list[str]
    models: list[str]
    experiments: list[str]
    folders: list[Path]
    needed: list[str]


def folders(artifacts: Path) -> Iterator[Path]:
    """Yield the folder of every run, logged model and trace: <experiment>/<run> or <experiment>/models/<model>."""
    for experiment in sorted(path for path in artifacts.glob("*") if path.is_dir()):
        for path in sorted(path for path in experiment.glob("*") if path.is_dir()):
            yield from sorted(path.glob("*")) if path.name in ("models", "traces") else [path]


def find(state: Path) -> Garbage:
    """Return the garbage. Folders are listed before the snapshot: a run gets its row before its folder."""
    artifacts = state / ARTIFACTS
    existing = list(folders(artifacts))
    with tempfile.TemporaryDirectory() as scratch:
        database = Path(scratch, DATABASE)
        opened(state).snapshot(database)
        places = snapshot.referred(database)
        with closing(sqlite3.connect(database)) as connection:
            runs, models, experiments, needed_runs, needed_models, needed_experiments = (
                {str(value) for (value,) in connection.execute(query)}
                for query in (*DELETED, RUNS, MODELS, EXPERIMENTS)
            )
    prefixes = {path for place in places for path in (place, *place.parents)}
    orphans = [path for path in existing if path.relative_to(artifacts) not in prefixes]
    return Garbage(
        runs=sorted(runs - needed_runs),
        models=sorted(models - needed_models),
        experiments=sorted(experiments - needed_experiments),
        folders=[path for path in orphans if places.isdisjoint(path.relative_to(artifacts).parents)],
        needed=sorted((runs & needed_runs) | (models & needed_models)),
    )


def remove(state: Path, garbage: Garbage) -> None:
    """Remove rows by MLflow's own store, then every folder without a row."""
    store = SqlAlchemyStore(opened(state).uri, (state / ARTIFACTS).as_uri())
    for model in garbage.models:
        store._hard_delete_logged_model(model)
    for run in garbage.runs:
        store._hard_delete_run(run)
    for experiment in garbage.experiments:
        store._hard_delete_experiment(experiment)
    for folder in find(state).folders:
        shutil.rmtree(folder)


def size(folder: Path) -> int:
    """Return the bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main(folder: str) -> None:
    """List the garbage, and remove it if FORCE is set."""
    state, forced = Path(folder), settings.make().force
    print(f"▸ gc · {'removing (FORCE=1)' if forced else 'only listing'}", flush=True)
    garbage = find(state)
    before = size(state / ARTIFACTS)
    for kind, names in (("run", garbage.runs), ("model", garbage.models), ("experiment", garbage.experiments)):
        for name in names:
            print(f"{kind:<11}{name}  deleted")
    for path in garbage.folders:
        print(f"{'folder':<11}{path.relative_to(state)}  no run, model or trace uses it, {size(path) / 1e6:.1f} MB")
    for name in garbage.needed:
        print(f"{'kept':<11}{name}  deleted, but a registered version needs it")
    if not (garbage.runs or garbage.models or garbage.experiments or garbage.folders):
        print("gc: nothing to remove")
    elif not forced:
        print("gc: nothing was removed; FORCE=1 removes the above, with their artifacts")
    else:
        remove(state, garbage)
        print(f"gc: removed, {(before - size(state / ARTIFACTS)) / 1e6:.1f} MB freed")
