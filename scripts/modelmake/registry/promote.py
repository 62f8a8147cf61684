"""Promote: move @champion to the version at registry.alias, or to VERSION, if its verdict is pass."""

from modelmake.config import config as configuration
from modelmake.core import advice, settings
from modelmake.core.errors import GateRefusal
from modelmake.registry import moves
from modelmake.tracking import versions
from modelmake.tracking.runs import Tracking
from modelmake.tracking.versions import Version


def chosen(tracking: Tracking, config: configuration.Registry) -> Version:
    """Return the version that becomes the champion.

    Raises
    ------
    UserError
        It does not exist.

    """
    if number := settings.make().version:
        print(f"▸ promote · version {number:.40}, as VERSION says", flush=True)
        numbered = {version.number: version for version in versions.of_model(tracking, config.name)}
        return moves.required(numbered.get(number), config.name, f"version {number:.40}")
    print(f"▸ promote · the version at @{config.alias}", flush=True)
    version = versions.at(tracking, config.name, config.alias)
    return moves.required(version, config.name, f"version at @{config.alias}")


def main() -> None:
    """Move the alias, or refuse with the reason."""
    config = configuration.load().registry
    tracking = Tracking()
    with moves.alone(tracking, config.name, force=settings.make().force):
        version = chosen(tracking, config)
        if version.verdict != "pass":
            what = f"its verdict is '{version.verdict}', not 'pass'"
            raise GateRefusal(f"version {version.number} of {config.name}", what, "make registry lists the verdicts")
        before = versions.champion(tracking, config.name)
        print(moves.move(tracking, config.name, "promote", version, settings.make().reason))
        source = before.number if before and before.number != version.number else ""
        print(f"next    {advice.promoted(version.number, source)}")
