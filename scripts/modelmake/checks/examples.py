"""Examples: train, judge and register each pipeline in examples/, also if it has passed before.

There is no receipt, since the last bits of a model depend on the processor, and two CI runs may have two processors.
"""

from modelmake.checks.test import EXAMPLES, run


def main() -> None:
    """Run the tests of the examples; raises UserError if one fails."""
    run(EXAMPLES)
