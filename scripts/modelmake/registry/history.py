"""History: every move of @champion, with its author, time and reason."""

import time

from modelmake.config import config as configuration
from modelmake.config.receipt import aligned
from modelmake.registry import moves
from modelmake.tracking.runs import Tracking

HEAD = ("when", "who", "action", "from", "to", "verdict", "run", "reason")


def main() -> None:
    """Print the moves, the newest first."""
    name = configuration.load().registry.name
    history = moves.history(Tracking(), name)
    if not history:
        print(f"no version of {name} was promoted yet (make promote)")
        return
    rows = [
        (
            time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(move.when)),
            move.who,
            move.action if move.done else f"{move.action} (did not end)",
            move.source,
            move.target,
            move.verdict,
            move.run_id,
            move.reason,
        )
        for move in history
    ]
    print(aligned([HEAD, *rows]))
