"""Schema: which rows of a table violate what [data.schema] states about its columns."""

from dataclasses import dataclass

import pandas as pd

from modelmake.config.data import Data
from modelmake.config.position import entry
from modelmake.config.receipt import aligned
from modelmake.core.errors import UserError, suggestion
from modelmake.data.constraints import Test, constraints

EXAMPLES = 3  # in a line of the table of violations
SHORT = 40  # characters of an example


@dataclass(frozen=True)
class Violation:
    """How many rows of a column fail one constraint, and the first of them, with rows counted from 1."""

    column: str
    constraint: str
    rows: int
    examples: str


def check(frame: pd.DataFrame, config: Data) -> None:
    """Check a frame by [data.schema]; print every violation before the error is raised.

    Raises
    ------
    UserError
        A column does not exist, or values violate a constraint.

    """
    if not (broken := violations(frame, config)):
        return
    cells = [(one.column, one.constraint, str(one.rows), one.examples) for one in broken]
    print(aligned([("column", "constraint", "rows", "examples"), *cells]), flush=True)
    names = ", ".join(dict.fromkeys(one.column for one in broken))
    what = f"{len(broken)} {'constraint is' if len(broken) == 1 else 'constraints are'} violated, in: {names}"
    raise UserError(entry("data.schema"), what, "correct the rows that the table above names, or the schema")


def violations(frame: pd.DataFrame, config: Data) -> list[Violation]:
    """Return the violations of [data.schema], in the order of the schema.

    Raises
    ------
    UserError
        A column does not exist. Those that data.drop names may have been left out of the frame.

    """
    stated, names = config.columns or {}, [str(name) for name in frame.columns]
    for name in stated:
        if name not in names and name not in (config.drop or []):
            raise UserError(entry(f"data.schema.{name}"), "the table has no such column", suggestion(name, names))
    tests = {name: dict(constraints(column)) for name, column in stated.items() if name in names}
    tests = {name: of_column for name, of_column in tests.items() if of_column}
    numbered = frame[list(tests)].set_axis(pd.RangeIndex(1, len(frame) + 1))
    return _run(numbered, tests) if tests else []


def _run(frame: pd.DataFrame, tests: dict[str, dict[str, Test]]) -> list[Violation]:
    """Return what pandera reports: every violation at once, with a mask of the rows that pass."""
    import pandera.pandas as pa  # noqa: PLC0415  # takes a second, and most tables have no schema

    columns = {
        name: pa.Column(
            checks=[
                # Listing the rows that fail takes most of the time, and the mask has them.
                pa.Check(test, name=title, error=title, ignore_na=False, n_failure_cases=1)
                for title, test in of_column.items()
            ],
            nullable=True,
        )
        for name, of_column in tests.items()
    }
    try:
        pa.DataFrameSchema(columns).validate(frame, lazy=True)
    except pa.errors.SchemaErrors as error:
        return [_violation(frame[one.schema.name], one.check.error, one.check_output) for one in error.schema_errors]
    return []


def _violation(values: pd.Series, constraint: str, passed: pd.Series) -> Violation:
    failed = values[~passed.astype(bool)]
    shown = [f"{_shown(value)} (row {row})" for row, value in failed.head(EXAMPLES).items()]
    return Violation(str(values.name), constraint, len(failed), ", ".join(shown) + ", …" * (len(failed) > EXAMPLES))


def _shown(value: object) -> str:
    if value is None or value is pd.NaT or value is pd.NA or value != value:  # noqa: PLR0124  # NaN
        return "empty"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= SHORT else f"{text[: SHORT - 1]}…"
