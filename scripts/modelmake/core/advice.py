"""Advice: the command that comes next, as the state is, for the line `next` of a target.

docker/serving/serve.sh runs it beside the server: it prints the line of `make serve`.
"""

from pathlib import Path

from modelmake.core import settings
from modelmake.core.aliases import CHAMPION
from modelmake.core.files import MAIN, pipeline


def command(target: str, path: Path | None = None) -> str:
    """Return the command that makes `target` for the pipeline at `path`, by default for this one."""
    path = path or pipeline()
    return f"make {target}" + ("" if path == MAIN else f" PIPELINE={path}")


def registered(version: str, champion: str) -> str:
    """Return what follows a registration; `champion` is the number of the version at @champion, "" without one."""
    if settings.in_github():
        return "the workflow promote, which asks for an approval"
    if version == champion:
        return f"{command('serve')} (version {version} is @{CHAMPION} already)"
    instead = f" in place of version {champion}" if champion else ""
    return f"{command('promote')} (version {version} becomes @{CHAMPION}{instead})"


def promoted(version: str, source: str) -> str:
    """Return what follows a promotion; `source` is the number of the champion before, "" without one."""
    if not source:
        return f"{command('serve')} (answers requests with version {version})"
    return f"{command('smoke')} (a running server loads version {version}; make rollback returns to version {source})"


def served() -> str:
    """Return what follows the start of a server that serves a model."""
    return f"{command('smoke')} (sends example rows)"


def drafted(path: Path) -> str:
    """Return what follows a new pipeline."""
    return command("all", path)


def added() -> str:
    """Return what follows a new package."""
    return f"{command('train')} (the environment is created again, once)"


def replayed(remote: str) -> str:
    """Return what follows a replay of the workflow that passed; `remote` is the address of origin, "" without one."""
    return f"{'git push' if remote else settings.page('howto/github.md')} (GitHub runs the same)"


if __name__ == "__main__":
    print(f"next    {served()}")
