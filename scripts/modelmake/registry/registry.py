"""Registry: every version, with its aliases, verdict, metrics, age and origin."""

import time

from modelmake.config import config as configuration
from modelmake.config.receipt import aligned
from modelmake.tracking import versions
from modelmake.tracking.address import uri
from modelmake.tracking.runs import Tracking

DIRTY = "modelmake.git.dirty"


def age(milliseconds: int, now: float) -> str:
    """Return how long ago a moment in milliseconds since 1970 was, in the largest unit that fits."""
    seconds = max(0, int(now - milliseconds / 1000))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def main() -> None:
    """Print the versions, the newest first."""
    config, now = configuration.load(), time.time()
    name, metrics = config.registry.name, list(dict.fromkeys(rule.metric for rule in config.gate.rules))
    newest = versions.of_model(Tracking(), name)
    if not newest:
        print(f"no version of {name} on {uri()} yet (make register)")
        return
    rows = [
        (
            version.number,
            " ".join(f"@{alias}" for alias in version.aliases),
            version.verdict,
            *(version.tags.get(metric, "") for metric in metrics),
            age(version.created, now),
            version.tags.get("modelmake.runner", ""),
            version.tags.get("modelmake.git.commit", "")[:12] + "+" * (version.tags.get(DIRTY) == "true"),
            version.run_id,
        )
        for version in newest
    ]
    print(aligned([("version", "aliases", "verdict", *metrics, "age", "runner", "commit", "run"), *rows]))
    if any(version.tags.get(DIRTY) == "true" for version in newest):
        print("+ with uncommitted changes")
