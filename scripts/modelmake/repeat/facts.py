"""Facts: what must be the same when a run is repeated."""

from collections.abc import Mapping
from pathlib import Path

from modelmake.config import receipt
from modelmake.core.provenance import Provenance, Use


def facts(
    use: Use, tags: Mapping[str, str], params: Mapping[str, str], metrics: Mapping[str, float], predictions: str
) -> dict[str, str]:
    """Return the facts of a run: its origin, parameters, metrics and predictions; seconds are not among them.

    Parameters
    ----------
    use : str
        The verb that compares: it chooses the facts of the origin.
    tags, params, metrics : mapping
        What the run has.
    predictions : str
        The SHA-256 of the predictions, "" where there are none.

    """
    return {
        **Provenance.from_tags(tags).values(use, unknown="unknown"),
        **{f"param {name}": value for name, value in params.items()},
        **{f"metric {name}": repr(value) for name, value in metrics.items() if not name.endswith("_seconds")},
        **({"predictions": predictions} if predictions else {}),
    }


def of_receipts(use: Use, build: Path) -> dict[str, str]:
    """Return the facts of the run whose receipts are in `build`; raises UserError where one is missing."""
    train, evaluate = receipt.Train.read(build), receipt.Evaluate.read(build)
    metrics = train.metrics | evaluate.metrics | evaluate.bounds
    return facts(use, train.provenance, train.params, metrics, evaluate.predictions_sha256)
