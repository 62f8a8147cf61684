"""Why: whether each stage would run, and because of what. This is the only judge; make reads its answer.

docker/host/why.sh hashes what the stages read, and asks again only if something differs from what was judged last.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from modelmake.config import inputs
from modelmake.config.inputs import Inputs
from modelmake.core import files, settings
from modelmake.core.stages import CHAIN, LAST, STAGES, Stage

WHY = "why"  # the hash of what was judged, then a line for each stage
HASH = re.compile("sha256:.*|[0-9a-f]{40}")  # of a file, or of a value that is not shown
MOST, WIDTH = 3, 60  # of the changes in a line, and of the characters of a value

Reasons = dict[str, str | None]  # by stage; "" where it is up to date, None where it has nothing to do


def main() -> None:
    """Write build/why; if other files must be hashed for it, write their names, and why.sh asks again."""
    given = inputs.config()
    wanted = {str(files.pipeline()), str(files.place(inputs.LOST))}
    for stage in STAGES.values():
        wanted |= inputs.names(stage, given) | {str(files.place(f"{stage.name}.json"))}
        wanted |= {str(files.place(stage.leaves))} if stage.leaves else set()
    if set(inputs.lines(files.place(inputs.NAMES))) != wanted:
        files.replace(inputs.NAMES, "".join(f"{name}\n" for name in sorted(wanted)))
        return
    judged = inputs.blob(files.place(inputs.HASHES))
    hashed = inputs.hashes()
    inputs.write({stage.name: inputs.of(stage, given, hashed) for stage in STAGES.values()})
    _answer(judged)


def refresh() -> None:
    """Judge again after a stage has run, which changes only files under build/."""
    hashed, found, given = inputs.hashes(), inputs.read(), inputs.config()
    if not found:  # make has not asked: the stage was started by hand
        return
    for name in inputs.lines(files.place(inputs.NAMES)):
        if name.startswith(f"{files.BUILD}/"):
            hashed[name] = inputs.blob(Path(name))
    hashed = {name: digest for name, digest in hashed.items() if digest}
    for stage in STAGES.values():
        taken = inputs.taken(stage, given)
        kept = {name: digest for name, digest in found.get(stage.name, {}).items() if name not in taken}
        found[stage.name] = kept | {name: hashed[name] for name in taken if name in hashed}
    inputs.write(found)
    files.replace(inputs.HASHES, "".join(f"{hashed[name]} {name}\n" for name in sorted(hashed, key=str.encode)))
    _answer(inputs.blob(files.place(inputs.HASHES)))


def _answer(judged: str) -> None:
    """Write build/why."""
    rows = [f"{name:<9} {_line(why)}\n" for name, why in reasons().items()]
    files.replace(WHY, f"{judged}\n{''.join(rows)}")


def _line(why: str | None) -> str:
    if why is None:
        return f"nothing to do: {files.pipeline()} has no [search]"
    return f"would run: {why}" if why else "up to date"


def reasons() -> Reasons:
    """Return why each stage must run; a stage also runs after the stage that it follows, unless RUN_ID names a run."""
    found, hashed, given = inputs.read(), inputs.hashes(), inputs.config()
    lost = inputs.lines(files.place(inputs.LOST))
    why: Reasons = {}
    for name, stage in STAGES.items():
        if name == "tune" and given and given.search is None:
            why[name] = None
            continue
        receipt = _receipt(name)
        why[name] = (
            (f"the tracking server no longer has what {files.place(name)}.json names" if name in lost else "")
            or _changed(receipt, found.get(name, {}))
            or _missing(receipt, hashed)
            or _other_run(stage, receipt)
            or (f"{stage.follows} would run" if why.get(stage.follows) and not settings.run_id() else "")
            or ("the gate refused" if receipt.get("refused") else "")
            or ("the long tests have not run" if settings.in_ci() and receipt.get("long") is False else "")
        )
    return why


def _receipt(name: str) -> dict[str, object]:
    """Return the receipt of a stage; an empty one where there is none."""
    try:
        receipt = json.loads(files.place(f"{name}.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return receipt if isinstance(receipt, dict) else {}


def _changed(receipt: Mapping[str, object], now: Inputs) -> str:
    """Return which inputs differ from those in the receipt."""
    before = receipt.get("inputs")
    if not isinstance(before, dict):
        return "it has not run yet"
    if str(files.pipeline()) in now and before != now:
        return f"{files.pipeline()} is not valid"
    changes = list(_changes(before, now))
    more = f" and {len(changes) - MOST} more" if len(changes) > MOST else ""
    return "; ".join(changes[:MOST]) + more


def _changes(before: Inputs, now: Inputs) -> Iterator[str]:
    for name in {**before, **now}:
        old, new = before.get(name), now.get(name)
        if old == new:
            continue
        key = name.removeprefix(f"{files.pipeline()}: ")
        if any(HASH.fullmatch(value) for value in (old, new) if value):
            yield f"{key} {'is new' if old is None else 'is gone' if new is None else 'changed'}"
        else:
            yield f"{key}: {_short(old)} → {_short(new)}"


def _short(value: str | None) -> str:
    if value is None:
        return "not set"
    return value if len(value) <= WIDTH else f"{value[: WIDTH - 1]}…"


def _missing(receipt: Mapping[str, object], hashed: Inputs) -> str:
    """Return whether the file that the stage has left is gone, or was edited."""
    left = receipt.get("outputs")
    for name, digest in (left if isinstance(left, dict) else {}).items():
        path = str(files.place(name))
        if hashed.get(path) != digest:
            return f"{path} {'changed' if path in hashed else 'is gone'}"
    return ""


def _other_run(stage: Stage, receipt: Mapping[str, object]) -> str:
    """Return whether the receipt names another run than RUN_ID, or than the receipt of the stage before it."""
    if stage.follows not in CHAIN or stage.name not in CHAIN:
        return ""
    asked, named = settings.run_id(), receipt.get("run_id")
    expected = asked or _receipt(stage.follows).get("run_id")
    if named == expected:
        return ""
    return f"{files.place(stage.name)}.json names run {named}, {'RUN_ID' if asked else stage.follows} run {expected}"


def stale(named: list[str]) -> list[str]:
    """Return which stages of the chain must run so that the stages named on make's command line are up to date.

    RUN_ID replaces the stages before; FORCE applies to the named stages.
    """
    forced, alone, why = settings.make().force, bool(settings.run_id()), reasons()
    chain = [*CHAIN, LAST]
    chain = [stage for stage in chain if stage in named] if alone else chain[: 1 + max(map(chain.index, named))]
    stages: list[str] = []
    for stage in chain:
        if (forced and stage in named) or (stages and not alone) or why[stage]:
            stages.append(stage)
    return stages
