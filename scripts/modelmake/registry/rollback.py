"""Rollback: give @champion back to the version that had it before the last promotion."""

from modelmake.config import config as configuration
from modelmake.core import settings
from modelmake.core.aliases import CHAMPION
from modelmake.registry import moves
from modelmake.tracking import versions
from modelmake.tracking.runs import Tracking


def main() -> None:
    """Swap @champion and @previous, once for each promotion."""
    name = configuration.load().registry.name
    print(f"▸ rollback · @{CHAMPION} of {name}", flush=True)
    tracking = Tracking()
    with moves.alone(tracking, name, force=settings.make().force):
        print(rollback(tracking, name))


def rollback(tracking: Tracking, name: str) -> str:
    """Undo the promotion of the champion; return the result as a sentence.

    The version comes from the history: after an interrupted move @previous can name the champion itself.
    """
    champion = moves.required(versions.champion(tracking, name), name, f"version at @{CHAMPION}")
    history = moves.history(tracking, name)
    last = history[0] if history else None
    if last and last.action == "rollback" and last.target == champion.number:
        moves.end(tracking, last)
        again = f"make promote VERSION={last.source} promotes the newer version again"
        return f"already rolled back to version {champion.number}; {again}"
    promotions = (m for m in history if m.done and m.action == "promote" and m.target == champion.number)
    number = next((promotion.source for promotion in promotions), "")
    numbered = {version.number: version for version in versions.of_model(tracking, name)}
    target = moves.required(numbered.get(number), name, "version to go back to, before the champion")
    return moves.move(tracking, name, "rollback", target, settings.make().reason)
