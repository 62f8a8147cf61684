"""The registry: versions of a model, and the aliases that name them."""

import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from scripts.core import config
from scripts.tracking import lease
from scripts.tracking.runs import Run, Tracking, missing, translated

CHAMPION = "champion"  # the version in production
PATIENCE = 30  # seconds; a registration takes one
PREVIOUS = "previous"  # the one before it, which `make rollback` brings back


@dataclass(frozen=True)
class Version:
    """What MLflow holds of one version of a registered model; `created` is in milliseconds since 1970."""

    number: str
    run_id: str
    source: str
    created: int
    tags: Mapping[str, str]
    aliases: tuple[str, ...]

    @property
    def model_id(self) -> str:
        """The logged model that it was made from."""
        return self.source.removeprefix("models:/")

    @property
    def verdict(self) -> str:
        """What the gate said of it; versions that others made may have none."""
        return self.tags.get("modelmake.verdict", "none")


def at(tracking: Tracking, name: str, alias: str) -> Version | None:
    """Return the version that `alias` names, None where there is none."""
    return next((each for each in versions(tracking, name) if alias in each.aliases), None)


def versions(tracking: Tracking, name: str) -> list[Version]:
    """Return all versions of a registered model, the newest first; none where there is no such model."""
    with translated(f"list the versions of {name}"):
        try:
            named = tracking.client.get_registered_model(name).aliases
        except MlflowException as error:
            if not missing(error):
                raise
            return []
        found, token = [], None
        while token != "":
            page = tracking.client.search_model_versions(f"name = '{name}'", page_token=token)
            found, token = found + list(page), page.token or ""
    newest = sorted(found, key=lambda each: -int(each.version))
    return [
        _version(each, tuple(sorted(a for a, number in named.items() if str(number) == str(each.version))))
        for each in newest
    ]


def _version(found: ModelVersion, aliases: tuple[str, ...]) -> Version:
    return Version(str(found.version), found.run_id, found.source, found.creation_timestamp, found.tags, aliases)


def register(
    tracking: Tracking,
    registry: config.Registry,
    run: Run,
    model_id: str,
    *,
    description: str,
    tags: Mapping[str, str],
) -> str:
    """Return the run's version of the registered model, made where there is none, with alias, stage and tags.

    Every step can be repeated, and the alias, by which others load the model, comes last. One registration at a
    time, since MLflow makes as many versions of a run as it is asked for; and of those that an interrupted or a slow
    one may have left, the first stays.
    """
    client, doing = tracking.client, f"register run {run.run_id} as {registry.name}"
    with lease.held(tracking, f"{registry.name}.registration", "registered", patience=PATIENCE), translated(doing):
        with suppress(MlflowException):  # it exists; if it does not, the next step says why
            client.create_registered_model(registry.name)
        if not _of(client, registry.name, run):
            source = f"models:/{model_id}"
            client.create_model_version(
                registry.name, source, run.run_id, dict(tags), description=description, model_id=model_id
            )
        version, *more = _of(client, registry.name, run)
        for each in more:
            with suppress(MlflowException):  # another one was faster
                client.delete_model_version(registry.name, each.version)
        if version.description != description:
            client.update_model_version(registry.name, version.version, description)
        for key, value in tags.items() - version.tags.items():
            client.set_model_version_tag(registry.name, version.version, key, value)
        _set_stage(tracking, registry, version)
        client.set_registered_model_alias(registry.name, registry.alias, version.version)
    return str(version.version)


def _of(client: MlflowClient, name: str, run: Run) -> list[ModelVersion]:
    """Return the run's versions, the first one first."""
    found = client.search_model_versions(f"name = '{name}' and run_id = '{run.run_id}'")
    return sorted(found, key=lambda each: int(each.version))


def _set_stage(tracking: Tracking, registry: config.Registry, version: ModelVersion) -> None:
    """Set the stage where client and server still know stages; aliases are their successor."""
    if registry.stage in (None, version.current_stage):
        return
    with warnings.catch_warnings(), suppress(AttributeError):
        warnings.simplefilter("ignore", FutureWarning)
        tracking.client.transition_model_version_stage(
            registry.name, version.version, registry.stage, archive_existing_versions=True
        )
