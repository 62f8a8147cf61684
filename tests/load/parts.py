"""Parts: those of a measurement that ARGS names, or all."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from modelmake.core.errors import UserError, suggestion

Part = TypeVar("Part", bound=Callable[[], object])


def chosen(parts: Sequence[Part], words: Sequence[str]) -> list[Part]:
    """Return the parts that the words name, in their own order; all without any.

    Raises
    ------
    UserError
        A word names no part.

    """
    names = [part.__name__ for part in parts]
    for word in words:
        if word not in names:
            raise UserError(f"ARGS={word:.40}", "no part of this", suggestion(word, names))
    return [part for part in parts if not words or part.__name__ in words]
