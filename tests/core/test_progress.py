"""Tests of the progress of long work."""

import io
import os
import pty
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from modelmake.core import progress
from modelmake.core.progress import Progress


@contextmanager
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.TextIOWrapper]:
    """Give what is written to standard error, which is not a terminal; reading a line waits for it."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as lines, os.fdopen(writing, "w") as stderr, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", stderr)
        yield lines


def test_short_work_is_silent(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for it."""
    monkeypatch.setattr(progress, "PATIENCE", 3600)
    with Progress("reading", 3, "rows") as work:
        work.advance(3)
    assert capsys.readouterr() == ("", "")


def test_long_work_says_what_it_does_and_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line after the first seconds, and then one now and then."""
    monkeypatch.setattr(progress, "PATIENCE", 0)
    monkeypatch.setattr(progress, "EVERY", -1)
    with log(monkeypatch) as lines, Progress("reading", 2000, "rows") as work:
        assert lines.readline() == "reading …\n"
        work.advance(1000)
        assert lines.readline() == "reading: 1,000 of 2,000 rows\n"


def test_lines_are_rare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log of hours has no line for each row."""
    monkeypatch.setattr(progress, "PATIENCE", 0)
    with log(monkeypatch) as lines:
        with Progress("waiting") as work:
            assert lines.readline() == "waiting …\n"
            for _ in range(100):
                work.advance()
        sys.stderr.write("the end\n")
        sys.stderr.flush()
        assert lines.readline() == "the end\n"


def test_a_terminal_has_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """It shows what is done, and is gone at the end."""
    master, slave = pty.openpty()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress, "PATIENCE", 0)
    text = b""
    with os.fdopen(slave, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        with Progress("reading", 5, "rows") as work:
            while b"0/5" not in text:
                text += os.read(master, 1024)
            work.advance(2)
            while b"2/5" not in text:
                text += os.read(master, 1024)
    os.close(master)
    assert b"reading" in text
