"""Stages: which of train, evaluate and register have to run, and why: one view of it for make and for `make why`."""

import json
from pathlib import Path

from scripts.core import settings
from scripts.core.files import BUILD
from scripts.core.inputs import CHAIN

Inputs = dict[str, str]  # hash by name


def read(stage: str) -> Inputs:
    """Return what a stage's inputs are now, from build/<stage>.inputs."""
    path = BUILD / f"{stage}.inputs"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {name: digest for digest, name in (line.split(" ", 1) for line in lines)}


def reason(stage: str, folder: Path = BUILD) -> str:
    """Return why a stage has to run, "" where its receipt holds."""
    try:
        receipt = json.loads((folder / f"{stage}.json").read_text(encoding="utf-8"))
        before: Inputs = receipt["inputs"]
    except (OSError, ValueError, KeyError, TypeError):
        return "it has not been done yet"
    now = read(stage)
    for name, digest in now.items():
        if before.get(name) != digest:
            return f"{name} changed" if name in before else f"{name} is new"
    if set(before) - set(now):
        return "an input is gone"
    return "the gate refused" if receipt.get("refused") else ""


def stale(named: list[str]) -> list[str]:
    """Return which stages have to run so that those that are named on make's command line are done.

    A named run (RUN_ID) stands in for the stages before; FORCE is for the stages that are named.
    """
    forced, alone = settings.switch("FORCE"), bool(settings.run_id())
    chain = list(CHAIN)
    chain = [each for each in chain if each in named] if alone else chain[: 1 + max(map(chain.index, named))]
    found: list[str] = []
    for stage in chain:
        if (forced and stage in named) or (found and not alone) or reason(stage):
            found.append(stage)
    return found
