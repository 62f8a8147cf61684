"""Types: what a value of a column is. One `Type` for each kind of value, and what all of them share."""

import datetime
from dataclasses import dataclass
from typing import Literal

Kind = Literal["number", "integer", "boolean", "category", "text", "date"]

LARGEST = 2**63 - 1  # of the whole numbers that estimators and JSON clients share
EXACT = 2**53  # beyond it a floating-point number leaves whole numbers out
BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
MISSING = (  # texts of a text file or a workbook that stand for a missing value, unless data.missing lists others
    *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
    *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
)


@dataclass(frozen=True)
class Type:
    """What a value of one kind is.

    Parameters
    ----------
    name : Kind
        The word for it in pipeline.toml, in a profile and in the contract of a model.
    words : str
        A value of it, for a person.
    json : str
        Its type in a JSON schema.
    mlflow : str
        Its type in MLflow's signature; "" for one that MLflow would change, so that it has to hand it on as it is.
    values : tuple of type
        The values of it in pipeline.toml.
    others : tuple of str
        What NumPy and pandas call it, without size and unit.
    order : str
        What its values are compared with; "" if they have no order.

    """

    name: Kind
    words: str
    json: str
    mlflow: str
    values: tuple[type, ...]
    others: tuple[str, ...] = ()
    order: str = ""

    def accepts(self, value: float | str) -> bool:
        """Return whether a value that pipeline.toml lists can occur in a column of this type."""
        if type(value) is float and value.is_integer():
            value = int(value)
        return type(value) in self.values and (self.name != "date" or is_date(str(value)))


TYPES: dict[str, Type] = {
    one.name: one
    for one in (
        Type("number", "a number", "number", "double", (int, float), ("float", "floating", "decimal"), "numbers"),
        Type("integer", "a whole number", "integer", "", (int,), ("int", "uint"), "numbers"),
        Type("boolean", "true or false", "boolean", "", (bool,), ("bool",)),
        Type("category", "a category", "string", "string", (str, int, bool), ("categorical",)),
        Type("text", "a text", "string", "string", (str,), ("str", "string")),
        Type(
            name="date",
            words="a date such as 2026-01-31 or 2026-01-31T12:00:00",
            json="string",
            mlflow="datetime",
            values=(str,),
            others=("datetime",),
            order="dates",
        ),
    )
}
NAMES = TYPES | {name: one for one in TYPES.values() for name in one.others}


def of(dtype: object) -> Type:
    """Return the type of the values that NumPy or pandas call so; text for all that has no other.

    Examples
    --------
    >>> [of(dtype).name for dtype in ("float32", "datetime64[us]", "Int8", "object")]
    ['number', 'date', 'integer', 'text']

    """
    name = str(dtype).partition("[")[0].rstrip("0123456789").lower()
    return NAMES.get(name.removeprefix("mixed-integer-"), TYPES["text"])


def is_date(text: str) -> bool:
    """Return whether a text is a date of ISO 8601."""
    try:
        datetime.datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
