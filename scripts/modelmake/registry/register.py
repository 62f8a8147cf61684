"""Register: apply the gate again, check that the model predicts, and give it a version and an alias."""

import time

from pydantic import ValidationError

from modelmake.config import config as configuration
from modelmake.config import receipt
from modelmake.core import advice, files, settings
from modelmake.core.errors import GateRefusal, UserError
from modelmake.gate import rules
from modelmake.gate.facts import Evidence
from modelmake.model import store
from modelmake.registry import card
from modelmake.tracking import versions
from modelmake.tracking.address import page, uri
from modelmake.tracking.runs import Run, Tracking


def register(tracking: Tracking, run: Run, config: configuration.Config, verdict: rules.Verdict) -> str:
    """Register the run's model, if that is not done yet, and return its version number."""
    with tracking.open(run):
        model_id = store.find(tracking, run)
        pipeline, example = store.load(model_id, config.model.trusted_types)
        if len(pipeline.predict(example)) != len(example):
            raise UserError(
                f"model {model_id}", "does not predict a value for each row", "correct the estimator's predict"
            )
        return versions.register(
            tracking,
            config.registry,
            run,
            model_id,
            description=card.card(run, config, verdict),
            tags=card.tags(run, verdict),
        )


def verdict_on(tracking: Tracking, run: Run, config: configuration.Config) -> rules.Verdict:
    """Judge the evidence that `evaluate` logged to the run, with the gate of the current config.

    Raises
    ------
    UserError
        There is no evidence, a rule's metric is not in it, or the champion has changed.

    """
    again = f"make evaluate RUN_ID={run.run_id}"
    text = tracking.read_file(run, "evaluate/evidence.json")
    if text is None:
        raise UserError(f"run {run.run_id}", "has no evidence from held-out rows", again)
    try:
        evidence = Evidence.model_validate_json(text)
    except ValidationError:
        raise UserError(f"run {run.run_id}", "has evidence of another version of modelmake", again) from None
    if evidence.model_id != store.find(tracking, run):
        raise UserError(f"run {run.run_id}", "was evaluated with another model", again)
    if unmeasured := rules.missing(config.gate, evidence):
        raise UserError(
            f"run {run.run_id}", f"has no {unmeasured[0].metric} on held-out rows for '{unmeasured[0]}'", again
        )
    champion = versions.champion(tracking, config.registry.name)
    if config.gate.champion != "off" and champion is not None and champion.run_id != run.run_id:
        then = f"version {evidence.champion.version}" if evidence.champion else "none"
        if then != f"version {champion.number}":
            what = f"was compared with champion {then}, but the champion is version {champion.number} now"
            raise UserError(f"run {run.run_id}", what, again)
    return rules.judge(config.gate, evidence)


def main() -> None:
    """Register one version with its alias, and write build/register.json."""
    started = time.monotonic()
    config = configuration.load()
    chosen = settings.run_id()
    evaluated = None if chosen else receipt.Evaluate.read()
    run_id = evaluated.run_id if evaluated else chosen
    tracking = Tracking()
    run = tracking.run(run_id)
    store.find(tracking, run)
    if evaluated and not evaluated.predictions_sha256:  # data or config differ from the run's
        verdict = rules.refusal(evaluated.reasons[0])
    else:
        verdict = verdict_on(tracking, run, config)
    name, alias, version, url = config.registry.name, config.registry.alias, None, ""
    if verdict.passed:
        version = register(tracking, run, config, verdict)
        url = page(f"models/{name}/versions/{version}")
        champion = versions.champion(tracking, name)
        following = advice.registered(version, champion.number if champion else "")
        print(f"version {version} of {name}, alias {alias}\nurl     {url}\nnext    {following}")
    elif verdict.verdict == "keep":
        print(f"kept as it is. Not registering. {verdict.reason}")
    else:
        print(f"below threshold. Not registering. {verdict.reason}")
        if config.gate.on_refusal == "fail":
            raise GateRefusal(f"run {run_id}", verdict.reason, f"[gate] in {files.pipeline()} has the rules")
    receipt.Register(
        tracking_uri=uri(),
        run_id=run_id,
        name=name,
        version=version,
        alias=alias if version else None,
        url=url,
    ).write(started)
