"""Card: what a registered version shows to people, in Markdown, and the few tags by which they filter versions."""

import re
from collections.abc import Iterable, Mapping

from modelmake.config.config import Config
from modelmake.config.gate import METRICS
from modelmake.core.provenance import Provenance
from modelmake.gate.rules import Verdict
from modelmake.tracking.runs import Run

MOST = 5000  # characters of a description, which MLflow's database keeps
CHECKS = 20  # lines of the gate that are shown; the report has all of them


def tags(run: Run, verdict: Verdict) -> dict[str, str]:
    """Return the tags of the version: its verdict, its metrics on the held-out rows, and where it comes from."""
    origin = Provenance.from_tags(run.tags).tags("version", unknown="unknown")
    scores = {name: f"{run.metrics[name]:.6g}" for name in METRICS if name in run.metrics}
    return origin | scores | {"modelmake.verdict": verdict.verdict}


def card(run: Run, config: Config, verdict: Verdict) -> str:
    """Return the description of the version: model, verdict, checks of the gate, metrics and origin."""
    estimator = run.params.get("estimator", config.model.estimator).rpartition(".")[2]
    rows = f"{run.metrics.get('train_rows', 0):.0f} rows, {run.metrics.get('test_rows', 0):.0f} held out"
    checks = [(check.outcome, check.name, check.measured) for check in verdict.checks[:CHECKS]]
    parts = [
        f"**{estimator}** trained on {config.data.path} ({rows}); it predicts `{config.data.target}`.",
        " ".join(f"{reason[0].upper()}{reason[1:]}." for reason in verdict.reasons),
        _table(("verdict", f"**{verdict.verdict}**", ""), checks),
        _table(("metric", "held out", "95 % interval", "training"), _scores(run.metrics)),
        _table(("origin", ""), _origin(run).items()),
        f"`make reproduce RUN_ID={run.run_id}` trains it again. The report is the run's artifact evaluate/report.html.",
    ]
    text = "\n\n".join(parts)
    return text if len(text) <= MOST else text[: text.rindex("\n", 0, MOST - 1)] + "\n…"


def _scores(metrics: Mapping[str, float]) -> Iterable[tuple[str, ...]]:
    for name in METRICS:
        if name in metrics:
            bounds = [f"{metrics[of]:.4g}" for of in (f"{name}_lower", f"{name}_upper") if of in metrics]
            training = f"{metrics[of]:.4g}" if (of := f"train_{name}") in metrics else ""
            yield name, f"{metrics[name]:.4g}", " to ".join(bounds), training


def _origin(run: Run) -> dict[str, str]:
    """Return where the version comes from, checksums with their first 12 digits; the tags of the run have all."""
    origin = Provenance.from_tags(run.tags)
    dirty = " with uncommitted changes" if origin.git_dirty == "true" else ""
    first = {"run": run.run_id, "commit": (origin.git_commit[:12] or "none") + dirty}
    for name, value in origin.values("report").items():
        if name not in ("git.commit", "git.dirty"):
            first[name] = value[:12] if re.fullmatch("[0-9a-f]{40}|[0-9a-f]{64}", value) else value
    return first


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)
