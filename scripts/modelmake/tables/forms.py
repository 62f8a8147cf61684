"""Form: how a column of text writes its numbers or dates; decided once, and kept with the model."""

import re

from pydantic import BaseModel, ConfigDict


class Form(BaseModel):
    """How a column of text is written.

    Parameters
    ----------
    decimal, thousands : str
        The marks of its numbers; a space stands for each kind of space, and ' for each apostrophe.
    unit : str
        What stands beside its numbers, such as a currency.
    scaled : bool
        Whether K, M and B behind a number stand for thousands, millions and billions.
    date : str
        The format of its dates, "" for ISO 8601.
    negative : str
        An example of its negative numbers, if they have no plain minus in front; "" else.
    spellings : dict of str to str
        The spelling of each text that has several, by the text in lower case.

    """

    model_config = ConfigDict(frozen=True)

    decimal: str = "."
    thousands: str = ""
    unit: str = ""
    scaled: bool = False
    date: str = ""
    negative: str = ""
    spellings: dict[str, str] = {}

    def __str__(self) -> str:
        """Return what is worth a word: what a program would not write so."""
        parts = [f"{'times of day' if self.of_day else 'dates'} as {self.date}"] if self.date else []
        parts += [f"numbers with {self.unit!r}"] if self.unit else []
        parts += [f"{self.thousands!r} between thousands"] if self.thousands else []
        parts += ["K, M and B for thousands, millions and billions"] if self.scaled else []
        parts += [f"negative numbers such as {self.negative!r}"] if self.negative else []
        return ", ".join(parts)

    @property
    def of_day(self) -> bool:
        """Whether its dates are hours of 0 to 23 and minutes, which durations may be too."""
        return bool(re.fullmatch(r"%H:%M(:%S(\.%f)?)?", self.date))


PLAIN = Form()
