"""Register: ask the gate once more, check that the model is whole, and give it a version and an alias."""

import time

from pydantic import ValidationError

from scripts.core import config as configuration
from scripts.core import receipt, settings
from scripts.core.errors import GateRefused, UserError
from scripts.gate import rules
from scripts.model import store
from scripts.model.estimator import TRUSTED_TYPES
from scripts.tracking import versions
from scripts.tracking.runs import Run, Tracking, page, uri

PROVENANCE = ("git.commit", "git.dirty", "image", "lock", "data", "config", "runner")


def describe(run: Run, config: configuration.Config, verdict: rules.Verdict) -> str:
    """Return what a person reads beside the version."""
    commit = run.tags.get("modelmake.git.commit", "no commit")[:12]
    dirty = " with uncommitted changes" if run.tags.get("modelmake.git.dirty") == "true" else ""
    reasons = " ".join(f"{each[0].upper()}{each[1:]}." for each in verdict.reasons)
    return (
        f"{config.model.estimator.rpartition('.')[2]} trained on {config.data.path} "
        f"({run.metrics.get('train_rows', 0):.0f} rows, {run.metrics.get('test_rows', 0):.0f} held out).\n\n"
        f"{reasons}\n\nCommit {commit}{dirty}, run {run.run_id}."
    )


def version_tags(run: Run, verdict: rules.Verdict) -> dict[str, str]:
    """Return the version's tags: verdict, metrics and where the run came from."""
    origin = {f"modelmake.{name}": run.tags.get(f"modelmake.{name}", "unknown") for name in PROVENANCE}
    metrics = {name: f"{value:.6g}" for name, value in run.metrics.items()}
    return origin | metrics | {"modelmake.verdict": verdict.verdict}


def register(tracking: Tracking, run: Run, config: configuration.Config, verdict: rules.Verdict) -> str:
    """Give the run's model a version, or find the one that it has, and return its number."""
    with tracking.open(run):
        model_id = store.find(tracking, run)
        trusted = (*TRUSTED_TYPES, *config.model.trusted_types)
        pipeline, example = store.load(model_id, trusted)
        if len(pipeline.predict(example)) != len(example):
            raise UserError(f"model {model_id}", "does not predict a value a row", "mend the estimator's predict")
        return versions.register(
            tracking,
            config.registry,
            run,
            model_id,
            description=describe(run, config, verdict),
            tags=version_tags(run, verdict),
        )


def verdict_on(tracking: Tracking, run: Run, config: configuration.Config) -> rules.Verdict:
    """Ask the gate once more, with the config as it is now, about the evidence that `evaluate` left in the run.

    Raises
    ------
    UserError
        There is none, it lacks what a rule asks for, or the champion is another one by now.

    """
    again = f"make evaluate RUN_ID={run.run_id}"
    text = tracking.read_file(run, "evaluate/evidence.json")
    if text is None:
        raise UserError(f"run {run.run_id}", "has no evidence from held-out rows", again)
    try:
        evidence = rules.Evidence.model_validate_json(text)
    except ValidationError:
        raise UserError(f"run {run.run_id}", "holds evidence of another version of modelmake", again) from None
    if evidence.model_id != store.find(tracking, run):
        raise UserError(f"run {run.run_id}", "was evaluated with another model", again)
    if lacking := rules.missing(config.gate, evidence):
        raise UserError(f"run {run.run_id}", f"has no {lacking[0].metric} on held-out rows for '{lacking[0]}'", again)
    champion = versions.at(tracking, config.registry.name, versions.CHAMPION)
    if config.gate.champion != "off" and champion is not None and champion.run_id != run.run_id:
        then = f"version {evidence.champion.version}" if evidence.champion else "none"
        if then != f"version {champion.number}":
            what = f"was compared with champion {then}, which is version {champion.number} by now"
            raise UserError(f"run {run.run_id}", what, again)
    return rules.judge(config.gate, evidence)


def main() -> None:
    """Leave one version with its alias, and build/register.json."""
    started = time.monotonic()
    config = configuration.load()
    chosen = settings.run_id()
    evaluated = None if chosen else receipt.Evaluate.read()
    run_id = chosen or evaluated.run_id
    tracking = Tracking()
    run = tracking.run(run_id)
    store.find(tracking, run)
    if evaluated and not evaluated.predictions_sha256:  # other data or another config than the run's
        verdict = rules.refusal(evaluated.reasons[0])
    else:
        verdict = verdict_on(tracking, run, config)
    name, alias, version, url = config.registry.name, config.registry.alias, None, ""
    if verdict.passed:
        version = register(tracking, run, config, verdict)
        url = page(f"models/{name}/versions/{version}")
        print(f"version {version} of {name}, alias {alias}\nurl     {url}")
    elif verdict.verdict == "keep":
        print(f"kept as it is. Not registering. {verdict.reason}")
    else:
        print(f"below threshold. Not registering. {verdict.reason}")
        if config.gate.on_refusal == "fail":
            raise GateRefused(f"run {run_id}", verdict.reason, "[gate] in pipeline.toml holds the rules")
    receipt.Register(
        **receipt.common("register", started),
        tracking_uri=uri(),
        run_id=run_id,
        name=name,
        version=version,
        alias=alias if version else None,
        url=url,
    ).write()
