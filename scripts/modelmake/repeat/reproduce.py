"""Reproduce: compare a run with a repetition from its commit, image and data, bit for bit."""

from modelmake.config import receipt
from modelmake.core import files, provenance
from modelmake.core.errors import ReproductionError
from modelmake.repeat.facts import facts, of_receipts
from modelmake.repeat.origin import Origin
from modelmake.scores.agreement import of_metrics

ORIGIN = provenance.names("reproduce")
SEED = "a random_state that is not set, or code that reads the clock, the network or the environment"


def main() -> None:
    """Print one table of both, and whether the run was reproduced, or the likely cause.

    Raises
    ------
    ReproductionError
        A parameter, a metric, the predictions or the data differ.

    """
    again = files.BUILD / "reproduce" / files.build()
    origin = Origin.model_validate_json((files.place("origin.json")).read_bytes())
    predictions = origin.tags.get("modelmake.predictions", "")
    a = facts("reproduce", origin.tags, origin.params, origin.metrics, predictions)
    b = of_receipts("reproduce", again)
    different = [name for name, value in a.items() if b.get(name, "none") != value]
    print(receipt.compared(a, b, different, ("then", "now")))
    if differing := of_metrics(a, b):
        print(differing)
    results = [name for name in different if name not in ORIGIN or name == "data"]
    count = sum(name not in ORIGIN for name in a)
    if not results:
        print(f"reproduced: all {count} parameters, metrics and predictions of run {origin.run_id} are the same")
        return
    cause = next((why for name, why in provenance.causes().items() if name in different), SEED)
    what = f"{len(results)} differ: {', '.join(results[:6])}{', …' * (len(results) > 6)}"
    raise ReproductionError(f"run {origin.run_id}", what, f"likely cause: {cause}")
