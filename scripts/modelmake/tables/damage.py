"""Damage: what a parser raises for a file that is not valid, as the line that names it."""

import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from modelmake.config.data import Data
from modelmake.core.errors import UserError, first_line

DAMAGED = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)


@contextmanager
def readable(config: Data) -> Iterator[None]:
    """Turn what a parser raises for a file that is not valid into UserError."""
    try:
        yield
    except UserError:
        raise
    except DAMAGED as error:
        what = f"the file is damaged, or its end is missing: {first_line(error)}"
        raise UserError(config.path, what, "download or copy it again") from None
    except Exception as error:  # parsers raise many types, all for a file that is not valid
        if "Truncated" in str(error):  # by pyarrow
            raise UserError(config.path, "the file is damaged, or its end is missing", "copy it again") from None
        raise UserError(config.path, f"cannot be parsed: {first_line(error)}", _remedy(error, config)) from None


def _remedy(error: Exception, config: Data) -> str:
    """Return what to do about a file that cannot be parsed."""
    if isinstance(error, (UnicodeError, LookupError)) and config.encoding:
        return "correct data.encoding"
    keys = [key for key in ("delimiter", "encoding", "comment", "format") if getattr(config, key)]
    stated = f", or correct {' and '.join(f'data.{key}' for key in keys)}" if keys else ""
    return f"use a valid {Path(config.path).suffix or 'CSV'} file{stated}"
