"""Rollback: give @champion back to the version that had it before the last promotion."""

from scripts.core import config as configuration
from scripts.core import settings
from scripts.registry import moves
from scripts.tracking import versions
from scripts.tracking.runs import Tracking


def main() -> None:
    """Swap @champion and @previous, once for each promotion."""
    name = configuration.load().registry.name
    print(f"▸ rollback · @champion of {name}", flush=True)
    tracking = Tracking()
    with moves.alone(tracking, name, force=settings.switch("FORCE")):
        print(rollback(tracking, name))


def rollback(tracking: Tracking, name: str) -> str:
    """Undo the promotion that made the champion, as the history has it, and return what was done.

    The history is asked rather than @previous, which an interrupted move may have left on the champion itself.
    """
    champion = moves.known(versions.at(tracking, name, versions.CHAMPION), name, "version at @champion")
    made = moves.history(tracking, name)
    if made and made[0].action == "rollback" and made[0].target == champion.number:
        moves.end(tracking, made[0])
        return f"rolled back to version {champion.number} already; make promote VERSION={made[0].source} goes forward"
    promoted = (each for each in made if each.done and each.action == "promote" and each.target == champion.number)
    number = next((each.source for each in promoted), None)
    asked = "version to go back to, before the champion"
    found = (each for each in versions.versions(tracking, name) if each.number == number)
    return moves.move(
        tracking, name, "rollback", moves.known(next(found, None), name, asked), settings.text("REASON")
    )
