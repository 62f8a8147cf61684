"""History: every move of @champion, who made it, when and why."""

import time

from scripts.pipeline import config as configuration
from scripts.pipeline import promotion
from scripts.pipeline.receipt import aligned
from scripts.pipeline.tracking import Tracking

HEAD = ("when", "who", "action", "from", "to", "verdict", "run", "reason")


def main() -> None:
    """Print them, the newest first."""
    name = configuration.load().registry.name
    moves = promotion.history(Tracking(), name)
    if not moves:
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
        for each in moves
    ]
    print(aligned([HEAD, *rows]))
