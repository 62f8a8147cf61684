"""Parity: compare the receipts of two runs of one commit, and fail if they differ."""

from pathlib import Path

from modelmake.config import receipt
from modelmake.core.errors import ParityError
from modelmake.core.files import BUILD, build
from modelmake.repeat.facts import of_receipts
from modelmake.scores.agreement import of_metrics


def compared(build: Path) -> dict[str, str]:
    """Return the facts that must be the same, from the receipts in `build`; seconds are not among them.

    Raises
    ------
    UserError
        A receipt is missing there.

    """
    evaluate = receipt.Evaluate.read(build)
    registered = receipt.Register.read(build).version if (build / "register.json").exists() else None
    return of_receipts("parity", build) | {
        "verdict": f"{evaluate.verdict}: {'; '.join(evaluate.reasons)}",
        "registered": "no" if registered is None else "yes",
    }


def main() -> None:
    """Print one table of both sides, and name the differences."""
    direct, act = (compared(BUILD / "parity" / side / build()) for side in ("direct", "act"))
    different = [name for name in direct | act if direct.get(name) != act.get(name)]
    print(receipt.compared(direct, act, different, ("direct", "act")))
    if differing := of_metrics(direct, act):
        print(differing)
    if different:
        what = f"{len(different)} of {len(direct | act)} differ: {', '.join(different)}"
        raise ParityError("parity", what, "see the receipts of both under build/parity")
    print(f"parity: all {len(direct)} facts are the same")
