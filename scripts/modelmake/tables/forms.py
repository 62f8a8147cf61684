"""Forms: the marks of numbers and the format of dates in a column of text."""

import pandas as pd
from pydantic import BaseModel, ConfigDict

from modelmake.tables.dates import form_of, read

GROUPED = (  # the decimal mark, the mark of thousands, numbers with them, and a number that cannot be read otherwise
    (",", ".", r"[-+]?(\d{1,3}(\.\d{3})+|\d+)(,\d+)?", r"[-+]?\d{1,3}(\.\d{3})+(,\d+|\.\d{3})"),
    (".", ",", r"[-+]?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?", r"[-+]?\d{1,3}(,\d{3})+(\.\d+|,\d{3})"),
)


class Form(BaseModel):
    """How a column of text is written: the marks of its numbers, and the format of its dates, "" for ISO 8601."""

    model_config = ConfigDict(frozen=True)

    decimal: str = "."
    thousands: str = ""
    date: str = ""


def marks(texts: pd.Series) -> tuple[str, str] | None:
    """Return the decimal mark and the mark of thousands if all texts are numbers, and one is such as 1.234,50."""
    for mark, thousands, number, certain in GROUPED:
        if texts.str.fullmatch(number).all() and texts.str.fullmatch(certain).any():
            return mark, thousands
    return None


def written_as(texts: pd.Series, decimal: str, *, dates: bool) -> tuple[Form, bool]:
    """Return how texts write numbers or dates, and whether day and month could be exchanged.

    Parameters
    ----------
    texts : pandas.Series of shape (n_rows,)
        A column.
    decimal : str
        The decimal mark of its table.
    dates : bool
        Whether the texts are dates.

    """
    counts = texts.dropna().str.strip().value_counts()
    unique = pd.Series(counts.index, index=counts.index, dtype="str")
    if unique.empty:
        return Form(decimal=decimal), False
    if dates:
        date, exchanged = form_of(unique, counts)
        return Form(date=date), exchanged
    mark, thousands = marks(unique) or (decimal, "")
    return Form(decimal=mark, thousands=thousands), False


def has_form(texts: pd.Series, written: Form, *, dates: bool) -> bool:
    """Return whether most texts are dates of a form, or all are numbers of it."""
    unique = pd.Series(texts.dropna().str.strip().unique(), dtype="str")
    if dates:
        return bool(read(unique, written.date).notna().mean() > 1 / 2)
    return all(
        unique.str.fullmatch(number).all()
        for mark, thousands, number, _ in GROUPED
        if (mark, thousands) == (written.decimal, written.thousands)
    )
