"""Parity: compare what two runs of one commit left in their receipts, and fail on any difference."""

from pathlib import Path

from scripts.core import receipt
from scripts.core.errors import PipelineError

SAME = ("git.commit", "git.dirty", "image.id", "image.base", "lock", "data", "config", "python", "platform", "cpu")


class NotTheSame(PipelineError):
    """Two runs that should be the same are not."""

    outcome = "the runs differ"


def facts(build: Path) -> dict[str, str]:
    """Return all that has to be the same, from the receipts in `build`; seconds are not of it.

    Raises
    ------
    UserError
        A stage has left no receipt there.

    """
    train, evaluate = receipt.Train.read(build), receipt.Evaluate.read(build)
    found = {name: train.provenance.get(f"modelmake.{name}", "unknown") for name in SAME}
    found |= {f"param {name}": value for name, value in train.params.items()}
    metrics = train.metrics | evaluate.metrics | evaluate.bounds
    found |= {f"metric {name}": repr(value) for name, value in metrics.items() if not name.endswith("_seconds")}
    registered = receipt.Register.read(build).version if (build / "register.json").exists() else None
    return found | {
        "predictions": evaluate.predictions_sha256,
        "verdict": f"{evaluate.verdict}: {'; '.join(evaluate.reasons)}",
        "registered": "no" if registered is None else "yes",
    }


def main() -> None:
    """Print one table of both sides, and name what differs."""
    direct, act = (facts(receipt.BUILD / "parity" / side / "build") for side in ("direct", "act"))
    differing = [name for name in direct | act if direct.get(name) != act.get(name)]
    print(receipt.compared(direct, act, differing, ("direct", "act")))
    if differing:
        what = f"{len(differing)} of {len(direct | act)} differ: {', '.join(differing)}"
        raise NotTheSame("parity", what, "the receipts of both are under build/parity")
    print(f"parity: all {len(direct)} are the same")
