"""Position: what is said of a key names the line that has it, however the file is written."""

from pathlib import Path

import pytest

from modelmake.config.position import entry

TEXT = """\
experiment = "x"
data.path = "t.csv"
[data.schema."a.b"]
min = 0

[model]
estimator = "x.Y"
params = { alpha = 1 }
[[model.steps]]
estimator = "x.A"
[[model.steps]]
estimator = "x.B"
params.c = 2
[gate]
rules = [
  "accuracy > 0.9",
  "recall  >  0.5",
]
"""
WITH_TEXT = 'seed = 1\nreason = """\ndata.path\n"""\n[data]\npath = "t.csv"\n'


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("experiment", None, ":1: experiment"),
        ("data.path", None, ":2: data.path"),
        ("data.target", None, ":2: data.target"),  # missing: its table
        ("data.schema.a.b", None, ":3: data.schema.a.b"),
        ("data.schema.a.b.max", None, ":3: data.schema.a.b.max"),
        ("model", None, ":6: model"),
        ("model.params.alpha", None, ":8: model.params.alpha"),
        ("model.steps.0.estimator", None, ":10: model.steps.0.estimator"),
        ("model.steps.1.params.c", None, ":13: model.steps.1.params.c"),
        ("gate.rules", None, ":15: gate.rules"),
        ("gate.rules", "recall > 0.5", ":17: gate.rules: recall > 0.5"),
        ("gate.rules", "mcc > 0", ":15: gate.rules: mcc > 0"),
        ("search.metric", None, ": search.metric"),
    ],
)
def test_a_key_is_at_its_line(
    name: str, value: str | None, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a table, a table of one line, a key with dots, a list, or not in the file at all."""
    monkeypatch.chdir(tmp_path)
    for end in ("\n", "\r\n"):
        Path("pipeline.toml").write_text(TEXT, newline=end)
        assert entry(name, value) == f"pipeline.toml{expected}"


def test_a_text_that_looks_like_a_key_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is read as TOML, not searched."""
    monkeypatch.chdir(tmp_path)
    Path("pipeline.toml").write_text(WITH_TEXT)
    assert entry("data.path") == "pipeline.toml:6: data.path"


def test_without_a_file_the_key_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where make new would write the file, and where a worker of a cluster has none."""
    monkeypatch.chdir(tmp_path)
    assert entry("data.path") == "pipeline.toml: data.path"
    monkeypatch.setenv("MODELMAKE_PIPELINE", "pipelines/new.toml")
    assert entry("data.path") == "data.path"
