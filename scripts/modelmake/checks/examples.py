"""Examples: train, judge and register each pipeline in examples/, whatever has passed before.

There is no receipt, since the last bits of a model depend on the processor, and each CI run may have another one.
"""

from modelmake.checks.test import EXAMPLES, run


def main() -> None:
    """Run the tests of the examples; raises UserError if one fails."""
    run(EXAMPLES)
