"""The base of pipeline.toml's tables, and the texts in them."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Text = Annotated[str, Field(min_length=1, max_length=250, pattern=r"^[^\x00-\x1f\x7f]+$")]


class Section(BaseModel):
    """The base of every table of pipeline.toml: frozen, no unknown keys, no silent conversion.

    The text below a key is its meaning, also on the page docs/reference/pipeline.md.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
