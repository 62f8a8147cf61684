"""Summary: the results of `make all`, from the receipts."""

import time

from modelmake.config import receipt
from modelmake.core import files


def main() -> None:
    """Write build/summary.txt."""
    started = time.monotonic()
    lint, test = receipt.Lint.read(), receipt.Test.read()
    train, evaluate, register = receipt.Train.read(), receipt.Evaluate.read(), receipt.Register.read()
    stages = (lint, test, train, evaluate, register)
    bounds = f"[{evaluate.lower:.4f}, {evaluate.upper:.4f}]"
    version = f"version {register.version} of {register.name}, alias {register.alias}"
    rows = {
        "ran in": "the host" if train.runner == "host" else f"docker (image {train.runner})",
        "run": evaluate.run_id,
        evaluate.metric: f"{evaluate.value:.4f} {bounds} (95 % interval)",
        "verdict": f"{evaluate.verdict}: {'; '.join(evaluate.reasons)}",
        "registered": version if register.version else "nothing",
        "MLflow": register.url or evaluate.url,
        "seconds": ", ".join(f"{stage.stage} {stage.seconds:.1f}" for stage in stages),
    }
    text = "".join(f"{name:<12}{value}\n" for name, value in rows.items())
    files.replace("summary.txt", text)
    receipt.Summary().write(started)
