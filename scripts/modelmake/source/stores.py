"""Stores: a file, or the files of a folder, from a file system of fsspec, such as an object store."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from modelmake.core import settings
from modelmake.core.errors import UserError
from modelmake.source.address import Source
from modelmake.source.transfer import BLOCK, Remote, write

GOOGLE = "GOOGLE_APPLICATION_CREDENTIALS"  # the path of a file, or its text


def download(source: Source, path: Path) -> Remote:
    """Write the file at an address of fsspec to `path`, or the files of a folder into a folder.

    Raises
    ------
    UserError
        The client of the store is not in the lock, or the store refuses, or has no such file.

    """
    import fsspec  # noqa: PLC0415  # slow, and only `fetch` needs it

    if bundle := settings.variable("SSL_CERT_FILE"):
        settings.export({"AWS_CA_BUNDLE": bundle})  # botocore reads another variable
    try:
        with _google():
            store, place = fsspec.core.url_to_fs(source.address)
            return _copied(store, place, path)
    except UserError:
        raise
    except Exception as error:  # a client raises the types of its own library
        raise _refusal(error, source) from None


@contextmanager
def _google() -> Iterator[None]:
    """Give Google's client a file where the variable is the text of one, as a secret of GitHub is."""
    text = settings.variable(GOOGLE)
    with tempfile.NamedTemporaryFile("w", suffix=".json") if text.startswith("{") else nullcontext() as file:
        if file is None:
            yield
            return
        file.write(text)
        file.flush()
        with settings.exported({GOOGLE: file.name}):
            yield


def _copied(store: Any, place: str, path: Path) -> Remote:  # noqa: ANN401  # a file system of fsspec
    """Write a file, or the files of a folder, to `path`."""
    if not store.isdir(place):
        facts = store.info(place)
        with store.open(place, "rb") as file:
            write(_blocks(file), path, int(facts.get("size") or 0))
        return Remote(*(str(_fact(facts, *names)) for names in (("ETag", "etag"), ("LastModified", "updated"))))
    for member in sorted(store.find(place)):
        with store.open(member, "rb") as file:
            write(_blocks(file), path / _relative(member.removeprefix(place)), 0)
    return Remote()


def _refusal(error: Exception, source: Source) -> UserError:
    """Return the error for a client of fsspec that fails, or is missing."""
    if isinstance(error, ImportError):
        cause = error if error.name else error.__cause__ or error.__context__
        package = (getattr(cause, "name", None) or source.scheme).partition(".")[0]
        what = f"{source.scheme}:// needs the package {package}, which is not in the lock"
        return UserError(source.shown, what, f"make add PKG={package}")
    if isinstance(error, FileNotFoundError):
        return UserError(source.shown, "there is no such file", "check the address")
    if isinstance(error, PermissionError):
        return UserError(source.shown, f"refuses: {source.message(error)}", "check the address and its credentials")
    if isinstance(error, ValueError) and "Protocol not known" in str(error):
        return UserError(
            source.shown, f"{source.scheme}:// is not supported", "https://, s3://, gs://, az:// or file://"
        )
    what = f"cannot be read: {source.message(error)}"
    return UserError(source.shown, what, "check the address and its credentials")


def _relative(name: str) -> Path:
    """Return the path of a file in its folder, of which it can't lead out."""
    return Path(*(part for part in name.split("/") if part not in ("", ".", "..")))


def _blocks(file: Any) -> Iterator[bytes]:  # noqa: ANN401  # the files of fsspec have no common class
    while block := file.read(BLOCK):
        yield block


def _fact(facts: dict[str, Any], *names: str) -> object:
    return next((facts[name] for name in names if facts.get(name)), "")
