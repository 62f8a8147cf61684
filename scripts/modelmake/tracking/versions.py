"""The model registry: versions of a registered model, and their aliases."""

import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from modelmake.config import config
from modelmake.core.aliases import CHAMPION
from modelmake.tracking import lease
from modelmake.tracking.responses import missing, pages, translated
from modelmake.tracking.runs import Run, Tracking

PATIENCE = 30  # seconds; a registration takes one


@dataclass(frozen=True)
class Version:
    """One version of a registered model; `created` is in milliseconds since 1970."""

    number: str
    run_id: str
    source: str
    created: int
    tags: Mapping[str, str]
    aliases: tuple[str, ...]

    @property
    def model_id(self) -> str:
        """The id of its logged model."""
        return self.source.removeprefix("models:/")

    @property
    def verdict(self) -> str:
        """The gate's verdict on it, "none" for a version that another tool created."""
        return self.tags.get("modelmake.verdict", "none")


def at(tracking: Tracking, name: str, alias: str) -> Version | None:
    """Return the version with this alias, None where there is none."""
    return next((version for version in of_model(tracking, name) if alias in version.aliases), None)


def champion(tracking: Tracking, name: str) -> Version | None:
    """Return the version in production, None where there is none."""
    return at(tracking, name, CHAMPION)


def of_model(tracking: Tracking, name: str) -> list[Version]:
    """Return all versions of a registered model, the newest first; none where the model does not exist."""
    with translated(f"list the versions of {name}"):
        try:
            numbers = tracking.client.get_registered_model(name).aliases
        except MlflowException as error:
            if not missing(error):
                raise
            return []
        entities: list[ModelVersion] = pages(
            lambda token: tracking.client.search_model_versions(f"name = '{name}'", page_token=token)
        )
    newest = sorted(entities, key=lambda entity: -int(entity.version))
    return [
        _version(entity, tuple(sorted(a for a, number in numbers.items() if str(number) == str(entity.version))))
        for entity in newest
    ]


def _version(entity: ModelVersion, aliases: tuple[str, ...]) -> Version:
    run_id, source = entity.run_id or "", entity.source or ""
    return Version(str(entity.version), run_id, source, entity.creation_timestamp, entity.tags, aliases)


def register(
    tracking: Tracking,
    registry: config.Registry,
    run: Run,
    model_id: str,
    *,
    description: str,
    tags: Mapping[str, str],
) -> str:
    """Return the run's version of the registered model, created where there is none, with alias, stage and tags.

    Every step can be repeated, and the alias, which others use to load the model, comes last. A lock keeps
    registrations apart, since MLflow creates a new version on each request. Of several versions that an interrupted or
    slow registration created, the first remains.
    """
    client, action = tracking.client, f"register run {run.run_id} as {registry.name}"
    with lease.held(tracking, f"{registry.name}.registration", "registered", patience=PATIENCE), translated(action):
        with suppress(MlflowException):  # it exists already; if not, the next step fails with the reason
            client.create_registered_model(registry.name)
        if not _of(client, registry.name, run):
            source = f"models:/{model_id}"
            client.create_model_version(
                registry.name, source, run.run_id, dict(tags), description=description, model_id=model_id
            )
        version, *surplus = _of(client, registry.name, run)
        for duplicate in surplus:
            with suppress(MlflowException):  # another process deleted it first
                client.delete_model_version(registry.name, duplicate.version)
        if version.description != description:
            client.update_model_version(registry.name, version.version, description)
        for key, value in tags.items() - version.tags.items():
            client.set_model_version_tag(registry.name, version.version, key, value)
        _set_stage(tracking, registry, version)
        client.set_registered_model_alias(registry.name, registry.alias, version.version)
    return str(version.version)


def _of(client: MlflowClient, name: str, run: Run) -> list[ModelVersion]:
    """Return the run's versions, the oldest first."""
    entities = client.search_model_versions(f"name = '{name}' and run_id = '{run.run_id}'")
    return sorted(entities, key=lambda entity: int(entity.version))


def _set_stage(tracking: Tracking, registry: config.Registry, version: ModelVersion) -> None:
    """Set the stage where client and server support stages, which aliases replace."""
    if registry.stage in (None, version.current_stage):
        return
    with warnings.catch_warnings(), suppress(AttributeError):
        warnings.simplefilter("ignore", FutureWarning)
        tracking.client.transition_model_version_stage(
            registry.name, version.version, registry.stage, archive_existing_versions=True
        )
