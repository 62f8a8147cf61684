"""Reproduce: compare a run with what its commit, image and data have given anew, bit for bit."""

import json
from collections.abc import Mapping

from scripts.core import files, receipt
from scripts.core.errors import PipelineError

ORIGIN = ("data", "lock", "image", "image.id", "python", "platform", "cpu", "config", "git.commit", "git.dirty")
CAUSES = {
    "data": "the data is another one now",
    "lock": "another lock",
    "image": "another image",
    "python": "another Python",
    "platform": "another kind of machine",
    "cpu": "another processor, whose sums may differ in their last bit",
    "git.dirty": "the run had uncommitted changes, which the commit does not hold",
    "config": "another config",
    "image.id": "the image was built anew, and is not the same",
}
SEED = "a random_state that nobody set, or code that listens to the clock, the network or the environment"


class NotReproduced(PipelineError):
    """Another try has given something else."""

    outcome = "not reproduced"


def then(origin: Mapping[str, Mapping[str, object]]) -> dict[str, str]:
    """Return the facts of the run."""
    tags = origin["tags"]
    found = {name: str(tags.get(f"modelmake.{name}", "unknown")) for name in ORIGIN}
    found |= {f"param {name}": str(value) for name, value in origin["params"].items()}
    found |= {f"metric {name}": repr(value) for name, value in origin["metrics"].items() if timeless(name)}
    return found | ({"predictions": str(tags["modelmake.predictions"])} if "modelmake.predictions" in tags else {})


def now(train: receipt.Train, evaluate: receipt.Evaluate) -> dict[str, str]:
    """Return the facts of the other try."""
    found = {name: train.provenance.get(f"modelmake.{name}", "unknown") for name in ORIGIN}
    found |= {f"param {name}": value for name, value in train.params.items()}
    metrics = train.metrics | evaluate.metrics | evaluate.bounds
    found |= {f"metric {name}": repr(value) for name, value in metrics.items() if timeless(name)}
    return found | {"predictions": evaluate.predictions_sha256}


def timeless(name: str) -> bool:
    """Whether a metric has to be the same each time; seconds have not."""
    return not name.endswith("_seconds")


def main() -> None:
    """Print one table of both, and say whether the run was reproduced, or why most likely not.

    Raises
    ------
    NotReproduced
        A parameter, a metric or the predictions differ, or the data does, whatever came of it.

    """
    again = files.BUILD / "reproduce/build"
    origin = json.loads((files.BUILD / "origin.json").read_text(encoding="utf-8"))
    a, b = then(origin), now(receipt.Train.read(again), receipt.Evaluate.read(again))
    different = [name for name, value in a.items() if b.get(name, "none") != value]
    print(receipt.compared(a, b, different, ("then", "now")))
    results = [name for name in different if name not in ORIGIN or name == "data"]
    count = sum(name not in ORIGIN for name in a)
    if not results:
        print(f"reproduced: all {count} parameters, metrics and predictions of run {origin['run_id']} are the same")
        return
    cause = next((why for name, why in CAUSES.items() if name in different), SEED)
    what = f"{len(results)} differ: {', '.join(results[:6])}{', …' * (len(results) > 6)}"
    raise NotReproduced(f"run {origin['run_id']}", what, f"likeliest cause: {cause}")
