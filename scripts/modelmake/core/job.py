"""Job: a job on GitHub without MLFLOW_TRACKING_URI, whose own MLflow server ends with it."""

from urllib.parse import urlsplit

from modelmake.core import files, settings


def owns(uri: str) -> bool:
    """Return whether a tracking server is that of such a job: nobody can open its address."""
    local = uri.startswith("sqlite:") or urlsplit(uri).hostname in ("localhost", "127.0.0.1")
    return settings.in_github() and not settings.in_act() and local


def artifact() -> str:
    """Return the name of the artifact that keeps the server's state (.github/workflows/pipeline.yml)."""
    return f"state-{files.pipeline().stem}"


def facts(uri: str) -> dict[str, str]:
    """Return where the model is, and how the registry was, as rows of a summary; none for a server that stays."""
    if not owns(uri):
        return {}
    return {
        "kept in": f"the artifact `{artifact()}` of this workflow run: `make restore FROM=backup.tar.gz`",
        "registry": "empty at the start: version 1, and no champion; MLFLOW_TRACKING_URI names a server that stays",
    }
