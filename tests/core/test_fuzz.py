"""Fuzz: with any pipeline.toml and any data file, a stage ends well or with one line, and never hangs."""

import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelmake.__main__ import run
from modelmake.core import settings as chosen
from modelmake.core.errors import PipelineError
from modelmake.model import train
from tests.conftest import PIPELINE, Project

EXAMPLES = 1000 if chosen.in_ci() else 20
many = settings(
    max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
SMALL = "\n".join(["width,height,name,kind", *(f"{i / 3},{i % 5},n{i % 3},{'ab'[i % 2]}" for i in range(30))]).encode()
CONFIG = (
    PIPELINE.replace("data/iris.csv", "data/file")
    .replace("species", "kind")
    .replace("RandomForestClassifier", "GradientBoostingClassifier")
)


class Read(PipelineError):
    """All that a user wrote has been taken; what follows is MLflow's."""

    exit_code = 0


@contextmanager
def bounded(seconds: int) -> Iterator[None]:
    """Fail where something takes longer."""

    def late(*_: object) -> None:
        raise TimeoutError(f"longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture
def reader(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose `train` ends where MLflow would begin."""

    def stop() -> None:
        raise Read("all", "read", "nothing")

    monkeypatch.setattr(train, "Tracking", stop)
    return project


def ends_well(project: Project) -> None:
    """Exit code 0 or 2, and in the latter case one line for each mistake."""
    with bounded(20), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outcome = project.stage("train")
    lines = [line for line in outcome.err.splitlines() if line.startswith("error: ")]
    assert outcome.code in (0, 2), outcome
    assert lines
    assert len(lines) == 1 or all("error: pipeline.toml:" in line for line in lines)
    assert "Traceback" not in outcome.err


def mutated(whole: bytes) -> st.SearchStrategy[bytes]:
    """Draw bytes that are near to `whole`: pieces cut, doubled, swapped and overwritten."""
    place = st.integers(0, len(whole))
    pieces = [
        *(
            b"\0",
            b"\xff\xfe",
            b"\xef\xbb\xbf",
            b'"',
            b",",
            b"\r",
            b"\n\n",
            b"\t",
            b"nan",
            b"inf",
            b"-1e999",
            b"1" * 400,
        ),
        *(b"\xf0\x9f\x8c\xbb", b"\xc3", b"kind", b"2026-11-23", b"True", b"0x1F", b"1_000", b" ", b";", b"'", b"#"),
    ]
    change = st.tuples(place, place, st.one_of(st.binary(max_size=8), st.sampled_from(pieces)))

    def apply(changes: list[tuple[int, int, bytes]]) -> bytes:
        content = whole
        for start, end, new in changes:
            content = content[:start] + new + content[min(end, start + 40) if start % 2 else start :]
        return content

    return st.lists(change, min_size=1, max_size=6).map(apply)


@pytest.fixture(scope="module")
def parquet(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The small data set as Parquet."""
    path = tmp_path_factory.mktemp("parquet") / "small.parquet"
    rows = [line.split(b",") for line in SMALL.split()[1:]]
    frame = pd.DataFrame({"width": [float(r[0]) for r in rows], "kind": [r[3].decode() for r in rows]})
    frame.to_parquet(path)
    return path.read_bytes()


@given(st.one_of(mutated(SMALL), st.binary(max_size=300)))
@many
def test_any_csv_is_data_or_one_line(reader: Project, content: bytes) -> None:
    """Near to a good file, and far from one."""
    Path("pipeline.toml").write_text(CONFIG.replace("data/file", "data/file.csv"))
    Path("data/file.csv").write_bytes(content)
    ends_well(reader)


@given(data=st.data())
@many
def test_any_parquet_is_data_or_one_line(reader: Project, parquet: bytes, data: st.DataObject) -> None:
    """Near to a good file, and far from one."""
    Path("pipeline.toml").write_text(CONFIG.replace("data/file", "data/file.parquet"))
    Path("data/file.parquet").write_bytes(data.draw(st.one_of(mutated(parquet), st.binary(max_size=300))))
    ends_well(reader)


@given(st.one_of(mutated(CONFIG.replace("data/file", "data/file.csv").encode()), st.binary(max_size=300)))
@many
def test_any_config_is_taken_or_one_line(reader: Project, content: bytes) -> None:
    """Bytes, not only text: keys, values and types that are nearly right."""
    Path("data/file.csv").write_bytes(SMALL)
    Path("pipeline.toml").write_bytes(content)
    ends_well(reader)


@pytest.mark.long
@given(mutated(SMALL))
@settings(max_examples=40, suppress_health_check=list(HealthCheck))
def test_data_that_was_taken_can_be_trained_on_and_judged(project: Project, content: bytes) -> None:
    """The whole way, on what got through: exit codes 0, 2 and 3 alone."""
    Path("pipeline.toml").write_text(CONFIG.replace("data/file", "data/file.csv"))
    Path("data/file.csv").write_bytes(content)
    with bounded(60), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        codes = [run(stage) for stage in ("train", "evaluate")]
    assert set(codes) <= {0, 2, 3}
