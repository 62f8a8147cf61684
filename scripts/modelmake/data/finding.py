"""Finding: something unusual in a table, what to do about it, and the key that answers it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from modelmake.core import toml

SHOWN = 3  # columns in a sentence


@dataclass(frozen=True)
class Finding:
    """What a look at a table found, and the key of [data] that answers it.

    Parameters
    ----------
    columns : tuple of str
        The columns that it is about.
    text : str
        What is unusual.
    advice : str
        What to do about it.
    key, value
        The key of [data] that answers it and the value that it gets; "" for none.
    certain : bool
        Whether the key can be set without asking.
    identifies : bool
        Whether the column tells the rows apart, as an id does.

    """

    columns: tuple[str, ...]
    text: str
    advice: str
    key: Literal["drop", "group", "time", "stratify", "ignore_case", ""] = ""
    value: list[str] | str | bool = ""
    certain: bool = False
    identifies: bool = False

    def __str__(self) -> str:
        """Return it as one sentence."""
        return f"{self.text}; {self.advice}"


def leave(*names: str) -> str:
    """Return the advice to leave columns out."""
    return f"leave {'them' if len(names) > 1 else 'it'} out: {toml.data('drop', names)}"


def dropped(names: list[str], one: str, many: str) -> Iterator[Finding]:
    """Yield a finding about columns that add nothing, if there are any."""
    if names:
        text = listed(names, one, many)
        yield Finding(tuple(names), text, leave(*names), "drop", names, certain=True)


def listed(names: list[str], one: str, many: str) -> str:
    """Return a sentence about one column, or about many."""
    shown = ", ".join(f"'{name}'" for name in names[:SHOWN]) + f" and {len(names) - SHOWN} more" * (len(names) > SHOWN)
    return f"column {shown} {one}" if len(names) == 1 else f"columns {shown} {many}"
