"""Rollback: give @champion back to the version that had it before the last promotion."""

from scripts.pipeline import config as configuration
from scripts.pipeline import promotion, registry, settings
from scripts.pipeline.tracking import Tracking


def main() -> None:
    """Swap @champion and @previous, once for each promotion."""
    name = configuration.load().registry.name
    print(f"▸ rollback · @champion of {name}", flush=True)
    tracking = Tracking()
    with promotion.alone(tracking, name, force=settings.switch("FORCE")):
        print(rollback(tracking, name))


def rollback(tracking: Tracking, name: str) -> str:
    """Undo the promotion that made the champion, as the history has it, and return what was done.

    The history is asked rather than @previous, which an interrupted move may have left on the champion itself.
    """
    champion = promotion.known(registry.at(tracking, name, registry.CHAMPION), name, "version at @champion")
    moves = promotion.history(tracking, name)
    if moves and moves[0].action == "rollback" and moves[0].target == champion.number:
        promotion.end(tracking, moves[0])
        return f"rolled back to version {champion.number} already; make promote VERSION={moves[0].source} goes forward"
    promoted = (each for each in moves if each.done and each.action == "promote" and each.target == champion.number)
    number = next((each.source for each in promoted), None)
    asked = "version to go back to, before the champion"
    found = (each for each in registry.versions(tracking, name) if each.number == number)
    return promotion.move(
        tracking, name, "rollback", promotion.known(next(found, None), name, asked), settings.text("REASON")
    )
