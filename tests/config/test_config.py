"""pipeline.toml: what is taken, and how a mistake is named."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from modelmake.config import config, gate
from modelmake.core.errors import UserError
from tests.conftest import EXAMPLE, PIPELINE

ANY = st.characters(exclude_categories=["Cs"])  # as UTF-8 can say; asking the codec takes a second


def load(tmp_path: Path, text: str) -> config.Config:
    path = tmp_path / "pipeline.toml"
    path.write_text(text)
    return config.load(path)


def test_the_example_is_the_articles() -> None:
    """The example is iris, a forest of 100 trees, and accuracy above 0.9."""
    shipped = config.load(EXAMPLE / "pipeline.toml")
    assert (shipped.experiment, shipped.seed, shipped.data.test_size) == ("iris_classification", 42, 0.2)
    assert shipped.model.params == {"n_estimators": 100, "random_state": 42}
    assert [str(rule) for rule in shipped.gate.rules] == ["accuracy > 0.9"]
    assert (shipped.registry.name, shipped.registry.alias, shipped.registry.stage) == (
        "iris_classifier_rf",
        "staging",
        "Staging",
    )


def test_config_is_frozen(tmp_path: Path) -> None:
    """Nobody changes the config behind a stage's back."""
    loaded = load(tmp_path, PIPELINE)
    with pytest.raises(ValidationError):
        loaded.gate.margin = 0.5


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("rules =", "rule =", ("gate.rule", "unknown key", "did you mean 'rules'?")),
        ("seed = 42", "sed = 42", ("sed", "unknown key", "did you mean 'seed'?")),
        ("seed = 42", 'seed = "42"', ("pipeline.toml:2: seed", '"42" is not a whole number (write 42 without quotes)')),
        ("seed = 42", "seed = -1", ("pipeline.toml:2: seed", "-1 is less than 0 (use 0 or more)")),
        ('rules = ["accuracy > 0.8"]', "", ("gate.rules", "missing", "add it")),
        ('["accuracy > 0.8"]', "[]", ("gate.rules", "the list is empty")),
        ("> 0.8", "> nan", ("gate.rules.0", "'nan' is not a number")),
        ("> 0.8", "< 0.8", ("gate.rules.0", "'accuracy < 0.8' is not a rule", "higher is better")),
        (" > 0.8", "", ("gate.rules.0", "'accuracy' is not a rule", "such as")),
        ('"accuracy > 0.8"', "0.8", ("gate.rules.0", "'0.8' is not a rule", "such as")),
        ("accuracy > 0.8", "acuracy > 0.8", ("gate.rules.0", "no metric 'acuracy'", "did you mean 'accuracy'?")),
        ("accuracy > 0.8", "rmse > -1", ("gate.rules.0", "no metric 'rmse'", "mean 'neg_root_mean_squared_error'?")),
        ('stage = "Staging"', 'alias = "champion"', ("registry.alias", "make promote sets the alias @champion")),
        (
            'target = "species"',
            'target = "species"\ntest_size = 1.0',
            ("pipeline.toml:6: data.test_size", "1.0 is not below 1"),
        ),
        (
            'target = "species"',
            'target = "species"\nmissing = "NA"',
            ("data.missing", '"NA" is not a list (write a list: ["NA"])'),
        ),
        ('name = "flower_classifier"', 'name = "a/b"', ("registry.name", "'a/b' contains / or :")),
        ('stage = "Staging"', 'alias = "latest"', ("registry.alias", "reserves the alias 'latest'", "staging")),
        ('stage = "Staging"', 'alias = "v12"', ("registry.alias", "reserves the alias 'v12'", "staging")),
        (
            '"sklearn.ensemble.RandomForestClassifier"',
            '"forest"',
            ("model.estimator", "'forest' is not an import path"),
        ),
        ("[gate]", "[gate", ("pipeline.toml:10", "the bracket is not closed (write [gate])")),
    ],
)
def test_a_mistake_is_named_with_its_key(tmp_path: Path, old: str, new: str, expected: tuple[str, ...]) -> None:
    """Each mistake is one line that names the key, the value and the way out."""
    with pytest.raises(UserError) as raised:
        load(tmp_path, PIPELINE.replace(old, new))
    assert all(part in str(raised.value) for part in expected), raised.value
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("accuracy > 0.9", ("accuracy", 0.9, False, False, None)),
        ("accuracy>=.9", ("accuracy", 0.9, True, False, None)),
        (" lower(f1_macro)  >  8e-1 ", ("f1_macro", 0.8, False, True, None)),
        ("neg_log_loss >= -0.5 by home town", ("neg_log_loss", -0.5, True, False, "home town")),
        ("lower(r2) > 0 by by", ("r2", 0.0, False, True, "by")),
    ],
)
def test_a_rule_is_one_line(line: str, expected: tuple[object, ...]) -> None:
    """Metric, comparison, threshold; the interval's lower bound; the column whose slices are asked."""
    rule = gate.Rule.model_validate(line)
    assert (rule.metric, rule.threshold, rule.or_equal, rule.lower, rule.by) == expected
    assert gate.Rule.model_validate(str(rule)) == rule


HOSTILE = ("|", "a|b > 1", ";", "(", ")", '"', "'", ": ", "{x}", "pipeline.toml: seed", "leave it out", "Value error, ")


def test_a_rule_with_a_bar_is_quoted_as_it_is(tmp_path: Path) -> None:
    """What is wrong and what to do are fields; no character of a value divides them."""
    with pytest.raises(UserError) as raised:
        load(tmp_path, PIPELINE.replace("accuracy > 0.8", "a|b > 1"))
    error = raised.value
    assert error.where == f"{tmp_path}/pipeline.toml:11: gate.rules.0"
    assert (error.what, error.fix) == ("'a|b > 1' is not a rule", 'write a rule such as "accuracy > 0.9"')


@given(st.lists(st.sampled_from(HOSTILE), min_size=1, max_size=4).map("".join))
def test_no_text_of_a_user_changes_what_a_line_says_of_it(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """A rule, the name of a column and a value stand in their field, whole, and the others stay as they are."""
    folder, quoted = tmp_path_factory.getbasetemp(), json.dumps(text)
    no_rule = "'{:.80}' is not a rule"
    search = f"[search.space.x]\nlow = {quoted}\nhigh = 1\n[model]"
    for old, new, where, what, fix in (
        ('"accuracy > 0.8"', quoted, "gate.rules.0", no_rule.format(text), 'write a rule such as "accuracy > 0.9"'),
        (
            "[model]",
            f"[data.schema.{quoted}]\nmin = {quoted}\n[model]",
            f"data.schema.{text}.min",
            f"'{text:.40}' is not a date",
            "a number, or a date such as 2026-01-31",
        ),
        ("[model]", search, "search.space.x", f"low is not a number: {text!r:.60}", "write choices for other values"),
    ):
        with pytest.raises(UserError) as raised:
            load(folder, PIPELINE.replace(old, new, 1))
        error = raised.value
        assert re.sub(r":\d+: ", ": ", error.where, count=1) == f"{folder}/pipeline.toml: {where}"
        assert (error.what, error.fix) == (what, fix)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """Without pipeline.toml the line says where it belongs."""
    with pytest.raises(UserError, match=r"pipeline\.toml: cannot be read"):
        config.load(tmp_path / "pipeline.toml")


def test_gate_and_registry_do_not_shape_the_model(tmp_path: Path) -> None:
    """Only what the model depends on is in its hash."""
    before = load(tmp_path, PIPELINE)
    gate_changed = load(tmp_path, PIPELINE.replace("0.8", "0.5").replace("flower_", "other_"))
    seed_changed = load(tmp_path, PIPELINE.replace("42", "43"))
    assert before.training_sha256 == gate_changed.training_sha256 != seed_changed.training_sha256


def test_a_key_that_is_not_set_changes_no_hash(tmp_path: Path) -> None:
    """Without `data.missing` the hash stays what it was before that key; with it the hash differs."""
    set_to = {
        value: load(tmp_path, PIPELINE.replace("[model]", f"missing = {value}\n[model]", 1)).training_sha256
        for value in ("[]", '["NA"]')
    }
    unset = load(tmp_path, PIPELINE).training_sha256
    assert unset == "1deb171fef6540efe08ccabbfd5f6173708c0f21480a9c599aee8c33ab8d04a7"
    assert len({unset, *set_to.values()}) == 3


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    """Editors on Windows put one at the start of a file."""
    path = tmp_path / "pipeline.toml"
    path.write_text(PIPELINE, encoding="utf-8-sig")
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    assert config.load(path) == load(tmp_path, PIPELINE)


@given(st.text(ANY) | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_any_text_is_a_config_or_one_line(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Any text gives a Config or a UserError."""
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    with pytest.raises(UserError):
        config.load(path)


@given(st.sampled_from(PIPELINE.splitlines()), st.text(ANY, max_size=20))
def test_any_broken_line_is_a_config_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, line: str, replacement: str
) -> None:
    """A line replaced by anything is taken, or refused in one line."""
    path = tmp_path_factory.getbasetemp() / "broken.toml"
    path.write_text(PIPELINE.replace(line, replacement), encoding="utf-8", errors="surrogatepass")
    try:
        config.load(path)
    except UserError as error:
        assert "\n" not in str(error)
