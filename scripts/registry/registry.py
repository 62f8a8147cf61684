"""Registry: every version, with its aliases, verdict, metric, age and where it was made."""

import time

from scripts.core import config as configuration
from scripts.core.receipt import aligned
from scripts.tracking import versions
from scripts.tracking.runs import Tracking, uri


def age(milliseconds: int, now: float) -> str:
    """Return how long ago a moment in milliseconds since 1970 was, in the largest unit that fits."""
    seconds = max(0, int(now - milliseconds / 1000))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def main() -> None:
    """Print them, the newest first."""
    config, now = configuration.load(), time.time()
    name, metrics = config.registry.name, list(dict.fromkeys(rule.metric for rule in config.gate.rules))
    found = versions.versions(Tracking(), name)
    if not found:
        print(f"no version of {name} on {uri()} yet (make register)")
        return
    rows = [
        (
            each.number,
            " ".join(f"@{alias}" for alias in each.aliases),
            each.verdict,
            *(each.tags.get(metric, "") for metric in metrics),
            age(each.created, now),
            each.tags.get("modelmake.runner", ""),
            each.tags.get("modelmake.git.commit", "")[:12],
            each.run_id,
        )
        for each in found
    ]
    print(aligned([("version", "aliases", "verdict", *metrics, "age", "runner", "commit", "run"), *rows]))
