"""Startup: make serve reads what the server says of itself as JSON, however it is written."""

import json

import pytest

from modelmake.serving.startup import NOTHING, REFUSED, WAIT, meaning

NO_CHAMPION = 'no version of "churn" has the alias @champion'


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"registry": "up", "refused": None, "problem": NO_CHAMPION}, (NOTHING, NO_CHAMPION)),
        ({"problem": NO_CHAMPION, "more": {"problem": "x"}, "refused": None, "registry": "up"}, (NOTHING, NO_CHAMPION)),
        ({"registry": "up", "refused": "2", "problem": "a golden row"}, (REFUSED, "a golden row")),
        ({"registry": "up", "refused": None, "problem": "größer → 1"}, (NOTHING, "größer → 1")),
        ({"registry": "down", "refused": None, "problem": "no answer"}, (WAIT, "")),
        ({"registry": "up", "refused": None, "problem": None}, (WAIT, "")),
        ({"detail": "Not Found"}, (WAIT, "")),
    ],
)
@pytest.mark.parametrize("separators", [(",", ":"), (", ", " : ")])
def test_the_answer_decides_whether_to_wait(
    facts: object, expected: tuple[int, str], separators: tuple[str, str]
) -> None:
    """A refused version is an error, no champion is none; a registry that does not answer may answer yet."""
    assert meaning(json.dumps(facts, separators=separators)) == expected


@pytest.mark.parametrize("text", ["", "Invalid Host header", "[1]", "null", "{"])
def test_what_is_no_answer_of_the_server_is_waited_for(text: str) -> None:
    """The port may be open before the server answers."""
    assert meaning(text) == (WAIT, "")
