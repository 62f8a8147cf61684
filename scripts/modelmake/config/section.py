"""The base of pipeline.toml's tables, and the texts in them."""

import re
import unicodedata
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from modelmake.core.errors import InvalidValue

PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")  # an import path


def _text(text: str) -> str:
    """Raise InvalidValue for a text that is empty, too long for a name, or that a line cannot show."""
    if not 1 <= len(text) <= 250:
        raise InvalidValue(f"the text has {len(text)} characters", "write 1 to 250")
    if re.search(r"[\x00-\x1f\x7f]", text):
        raise InvalidValue(f"{text!r:.80} has a line break or another control character", "leave it out")
    return text


def _character(text: str) -> str:
    """Raise InvalidValue for a text of more or less than one character."""
    if len(text) != 1:
        raise InvalidValue(f"{text!r:.40} is not one character", 'write one, such as ";"')
    return text


def _import_path(text: str) -> str:
    """Raise InvalidValue for a text that is not the import path of a class or a function."""
    if not PATH.fullmatch(text):
        raise InvalidValue(f"'{text:.80}' is not an import path", "write package.Class: sklearn.linear_model.Ridge")
    return text


Text = Annotated[str, AfterValidator(_text)]
Name = Annotated[Text, AfterValidator(lambda text: unicodedata.normalize("NFC", text))]  # of a column
Character = Annotated[str, AfterValidator(_character)]
ImportPath = Annotated[str, AfterValidator(_import_path)]


class Section(BaseModel):
    """The base of every table of pipeline.toml: frozen, no unknown keys, no silent conversion.

    The text below a key is its meaning, also on the page docs/reference/pipeline.md.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
