"""History: every move of @champion, who made it, when and why."""

import time

from scripts.core import config as configuration
from scripts.core.receipt import aligned
from scripts.registry import moves
from scripts.tracking.runs import Tracking

HEAD = ("when", "who", "action", "from", "to", "verdict", "run", "reason")


def main() -> None:
    """Print them, the newest first."""
    name = configuration.load().registry.name
    made = moves.history(Tracking(), name)
    if not made:
        print(f"no version of {name} was promoted yet (make promote)")
        return
    rows = [
        (
            time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(each.when)),
            each.who,
            each.action if each.done else f"{each.action} (did not end)",
            each.source,
            each.target,
            each.verdict,
            each.run_id,
            each.reason,
        )
        for each in made
    ]
    print(aligned([HEAD, *rows]))
