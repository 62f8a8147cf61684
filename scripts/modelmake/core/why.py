"""Why: whether each stage would run, and because of which input."""

from modelmake.core.files import place
from modelmake.core.inputs import CHAIN
from modelmake.core.stages import read, reason

OTHERS = ("lint", "test", "owntest")


def main() -> None:
    """Print a line for each stage; a stage of the chain also runs when the stage before it runs."""
    before = ""
    tuning = ("tune",) if read("tune") and place("tune.reads").read_text(encoding="utf-8") else ()
    for stage in (*OTHERS, *tuning, *CHAIN):
        why = reason(stage)
        if stage in CHAIN:
            why = why or (f"{before} would run" if before else "")
            before = stage if why else before
        print(f"{stage:<9} {f'would run: {why}' if why else 'up to date'}")
