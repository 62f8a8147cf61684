"""Stages: which of train, evaluate and register must run, and why, for make and for `make why`."""

import json

from modelmake.core import settings
from modelmake.core.files import place
from modelmake.core.inputs import CHAIN

Inputs = dict[str, str]  # hash by name


def read(stage: str) -> Inputs:
    """Return the stage's current inputs, from its file <stage>.inputs."""
    path = place(f"{stage}.inputs")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {name: digest for digest, name in (line.split(" ", 1) for line in lines)}


def reason(stage: str) -> str:
    """Return why a stage must run, "" where its receipt is up to date."""
    try:
        receipt = json.loads(place(f"{stage}.json").read_text(encoding="utf-8"))
        before: Inputs = receipt["inputs"]
    except (OSError, ValueError, KeyError, TypeError):
        return "it has not run yet"
    now = read(stage)
    for name, digest in now.items():
        if before.get(name) != digest:
            return f"{name} changed" if name in before else f"{name} is new"
    if set(before) - set(now):
        return "an input no longer exists"
    return "the gate refused" if receipt.get("refused") else ""


def stale(named: list[str]) -> list[str]:
    """Return which stages must run so that the stages named on make's command line are up to date.

    RUN_ID replaces the stages before; FORCE applies to the named stages.
    """
    forced, alone = settings.make().force, bool(settings.run_id())
    chain = list(CHAIN)
    chain = [stage for stage in chain if stage in named] if alone else chain[: 1 + max(map(chain.index, named))]
    stages: list[str] = []
    for stage in chain:
        if (forced and stage in named) or (stages and not alone) or reason(stage):
            stages.append(stage)
    return stages
