"""make new: what it writes for the tables that people have, and what it refuses."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from modelmake.config import config as configuration
from modelmake.config.config import Config
from tests.conftest import Outcome, Project
from tests.support.checkout import Checkout

Error = Callable[[Outcome, int], str]
New = Callable[..., Outcome]


@pytest.fixture
def new(project: Project, monkeypatch: pytest.MonkeyPatch) -> New:
    """A way to run `make new` with its variables."""

    def run(**variables: str) -> Outcome:
        for name in ("DATA", "TARGET", "NAME"):
            monkeypatch.setenv(f"MODELMAKE_{name}", variables.get(name, ""))
        return project.stage("new")

    return run


def numbers(rows: int, seed: int = 0) -> np.ndarray:
    """Return random numbers."""
    return np.random.default_rng(seed).normal(0, 1, rows)


def passengers() -> pd.DataFrame:
    """Return numbers, categories, gaps, an id and a class that depends on them."""
    sex = np.where(numbers(300) > 0, "male", "female")
    age = np.where(numbers(300, 1) > 1, np.nan, (30 + 10 * numbers(300, 2)).round(1))
    survived = ((sex == "female") + 0.4 * numbers(300, 3) > 0.5).astype(int)
    return pd.DataFrame({"PassengerId": range(1, 301), "Sex": sex, "Age": age, "Survived": survived})


def wine() -> pd.DataFrame:
    """Return measurements and a grade from 3 to 8."""
    alcohol = (10 + numbers(400)).round(1)
    return pd.DataFrame(
        {"alcohol": alcohol, "acid": numbers(400, 1).round(2), "quality": (alcohol / 2).round().astype(int)}
    )


def months() -> pd.DataFrame:
    """Return a trend by month."""
    dates = pd.date_range("1949-01-01", periods=160, freq="MS").strftime("%Y-%m")
    return pd.DataFrame(
        {"Month": dates, "Load": (numbers(160, 1)).round(2), "Passengers": np.arange(160) * 3.5 + numbers(160)}
    )


def panel() -> pd.DataFrame:
    """Return eight years of each of 60 persons, whose answer seldom changes."""
    rows = pd.DataFrame(
        [(person, year) for person in range(60) for year in range(1980, 1988)], columns=["person", "year"]
    )
    hours = (2000 + 200 * numbers(len(rows))).round()
    return rows.assign(hours=hours, union=np.where(hours + 300 * numbers(60, 1)[rows.person] > 2000, "yes", "no"))


def diamonds() -> pd.DataFrame:
    """Return prices, sorted, by size and cut."""
    carat = np.abs(numbers(600)).round(2) + 0.2
    frame = pd.DataFrame({"carat": carat, "cut": np.where(numbers(600, 1) > 0, "Good", "Ideal"), "price": carat * 4000})
    return frame.assign(price=(frame["price"] + 300 * numbers(600, 2)).round(2)).sort_values("price")


@pytest.mark.parametrize(
    ("frame", "options", "target", "keys"),
    [
        (passengers(), {"index": False}, "Survived", {"drop": ["PassengerId"], "stratify": True, "positive": None}),
        pytest.param(
            wine(), {"index": False, "sep": ";", "decimal": ","}, "quality", {"drop": None}, marks=pytest.mark.long
        ),
        pytest.param(
            months(),
            {"index": False},
            "Passengers",
            {"time": "Month", "stratify": False},
            marks=pytest.mark.long,
        ),
        pytest.param(
            panel(),
            {"index": False},
            "union",
            {"group": "person", "positive": "yes", "time": None},
            marks=pytest.mark.long,
        ),
        pytest.param(
            diamonds().reset_index(drop=True),
            {},
            "price",
            {"drop": ["Unnamed: 0"], "time": None},
            marks=pytest.mark.long,
        ),
    ],
    ids=["passengers", "wine", "months", "panel", "diamonds"],
)
def test_a_new_pipeline_trains_and_passes_without_an_edit(
    project: Project, new: New, monkeypatch: pytest.MonkeyPatch,
    frame: pd.DataFrame, options: dict[str, object], target: str, keys: dict[str, object],
) -> None:  # fmt: skip
    """Ids are dropped, groups and times are kept apart, and the first rule asks more than Dummy reaches."""
    frame.to_csv(project.path / "data/table.csv", **options)
    done = new(DATA="data/table.csv", TARGET=target, NAME="fresh")
    assert done.code == 0, done.err
    assert done.out.endswith("next     make all PIPELINE=pipelines/fresh.toml\n")
    data = configuration.load(Path("pipelines/fresh.toml")).data
    assert {key: getattr(data, key) for key in keys} == keys
    monkeypatch.setenv("MODELMAKE_PIPELINE", "pipelines/fresh.toml")
    for stage in ("train", "evaluate"):
        done = project.stage(stage)
        assert done.code == 0, done.out + done.err
    assert "verdict pass" in done.out


def loaded(new: New, frame: pd.DataFrame, target: str = "y") -> tuple[Config, str]:
    """Return the pipeline that is written for a frame, and its text."""
    frame.to_csv("data/table.csv", index=False)
    done = new(DATA="data/table.csv", TARGET=target)
    assert done.code == 0, done.err
    path = Path("pipelines/table.toml")
    return configuration.load(path), path.read_text()


def test_texts_for_gaps_are_listed(new: New) -> None:
    """All of them, also those that only show once the first is known."""
    x = pd.Series(numbers(200).round(3).astype(str))
    x[::40], x[3], x[7] = "?", "unknown", "n.a."
    config, text = loaded(new, pd.DataFrame({"x": x, "y": numbers(200, 1)}))
    assert set(config.data.missing or []) == {"?", "unknown", "n.a."}
    assert "5 × '?'" in text  # noqa: RUF001  # the sign of the message


@pytest.mark.parametrize("write", ["$ {:.2f}", "{:.1f}%", "{:.1f} kg"])
def test_numbers_with_signs_are_numbers(new: New, write: str) -> None:
    """Where one sign stands beside all of them; a column with two is left out, and the comment says why."""
    price = [write.format(1 + number) for number in np.abs(numbers(100))]
    table = pd.DataFrame({"price": price, "x": numbers(100, 2), "y": numbers(100, 1)})
    config, text = loaded(new, table)
    assert (config.data.drop, f"# read as: 'price' has numbers with '{write.strip(' {:.12f}')}'" in text) == (
        None,
        True,
    )
    Path("pipelines/table.toml").unlink()
    config, text = loaded(new, table.assign(price=[f"{index} {'kg' if index % 2 else 'lb'}" for index in range(100)]))
    assert config.data.drop == ["price"]
    assert "has the units 'lb' and 'kg'; write one of them in all rows" in " ".join(text.replace("#", "").split())


@pytest.mark.parametrize("classes", [(1, 2), (-1, 1), (0, 1), (1.0, 2.0), (False, True)], ids=str)
def test_two_classes_of_any_type_have_a_positive_one(new: New, classes: tuple[object, object]) -> None:
    """Of 0 and 1 it is 1, without a key."""
    y = np.where(numbers(200) > 0.5, classes[1], classes[0])
    config, _ = loaded(new, pd.DataFrame({"x": numbers(200, 1), "y": y}))
    assert config.data.positive in ((None,) if set(classes) == {0, 1} else classes)


def test_a_file_that_is_not_valid_is_named(new: New, error_line: Callable[[Outcome, int], str]) -> None:
    """As `train` names it."""
    Path("data/table.csv").write_text("x,y\n" + "1,2\n" * 50 + "1,2,3\n" + "1,2\n" * 9)
    done = new(DATA="data/table.csv", TARGET="y")
    assert "cannot be parsed" in error_line(done, 2)
    assert not Path("pipelines/table.toml").exists()


def test_a_column_that_is_named_like_a_finding_is_a_column(new: New) -> None:
    """A constant is left out and a leak is not, with any names."""
    leak, constant = "serif italic; leave it out if it is one", 'as an id has; data.group = "x|y" ('
    labels = np.where(numbers(100) > 0, "b", "a")
    table = pd.DataFrame({leak: np.where(labels == "a", 3, 7), constant: 5, "x": numbers(100, 1), "label": labels})
    table.to_csv("data/fonts.csv", index=False)
    outcome = new(DATA="data/fonts.csv", TARGET="label")
    made = configuration.load(Path("pipelines/fonts.toml")).data
    assert (made.drop, made.group, made.time) == ([constant], None, None)
    assert f"warning  column '{leak}' alone predicts the target" in outcome.out


def test_infinite_numbers_are_gaps(new: New) -> None:
    """Of a text file, which can say so."""
    x = numbers(100)
    x[3], x[7] = np.inf, -np.inf
    config, _ = loaded(new, pd.DataFrame({"x": x, "y": numbers(100, 1)}))
    assert (config.data.missing, config.data.drop) == (["inf", "-inf"], None)


def test_the_share_of_copies_leaves_room_for_any_seed(new: New) -> None:
    """The held-out rows are a sample of the table, and ids say that equal rows are different cases."""
    ids = [f"{number * 7919 % 500:08x}" for number in range(500)]
    x = np.where(np.arange(500) < 60, np.nan, numbers(500))
    config, _ = loaded(new, pd.DataFrame({"id": ids, "x": x, "y": np.where(numbers(500, 1) > 0, "a", "b")}))
    assert 0.17 < config.gate.max_duplicates < 0.25


def test_few_rows_are_named(new: New) -> None:
    """The gate would keep every model that is trained on them."""
    _, text = loaded(new, pd.DataFrame({"x": numbers(30), "y": numbers(30, 1)}))
    assert "the table has 30 rows, and the gate requires 30 held-out rows" in text


def test_a_target_with_signs_is_a_quantity(new: New) -> None:
    """As a feature with them is."""
    config, _ = loaded(new, pd.DataFrame({"x": numbers(100), "y": [f"${1000 + number}" for number in range(100)]}))
    assert config.model.estimator.endswith("Ridge")


def test_two_other_pipelines_of_one_name_are_not_in_the_way(new: New) -> None:
    """`make pipelines` names them; the new one has a name of its own."""
    frame = pd.DataFrame({"x": numbers(100), "y": numbers(100, 1)})
    for name in ("one", "two"):
        frame.to_csv(f"data/{name}.csv", index=False)
        assert new(DATA=f"data/{name}.csv", TARGET="y").code == 0
    two = Path("pipelines/two.toml")
    two.write_text(two.read_text().replace('name = "two"', 'name = "one"'))
    assert loaded(new, frame)[0].registry.name == "table"


@pytest.mark.parametrize(
    ("y", "estimator", "rule"),
    [
        (np.where(numbers(600) > 0, "a", "b"), "ExtraTreesClassifier", "accuracy > 0.5"),
        (np.where(numbers(600) > 1.6, "bad", "good"), "ExtraTreesClassifier", "balanced_accuracy > 0.55"),
        (numbers(100) > 0, "LogisticRegression", "accuracy > 0.5"),
        (numbers(100), "Ridge", "r2 > 0.1"),
        (numbers(12_000).round(3), "HistGradientBoostingRegressor", "r2 > 0.1"),
        (np.arange(600) % 3, "ExtraTreesClassifier", "accuracy > 0.4"),
        (np.arange(600) % 40, "ExtraTreesRegressor", "r2 > 0.1"),
    ],
)
def test_task_estimator_and_rule_follow_the_target(new: New, y: np.ndarray, estimator: str, rule: str) -> None:
    """Few different values are classes; rare classes count as much as the others; few rows get a simple model."""
    config, _ = loaded(new, pd.DataFrame({"x": numbers(len(y), 1), "y": y}))
    assert config.model.estimator.endswith(estimator)
    assert str(config.gate.rules[0]).startswith(rule)


def test_the_positive_class_is_the_one_with_its_name_or_the_rarer_one(new: New) -> None:
    """0 and 1 need none."""
    x, many = numbers(100), np.arange(100)
    for y, positive in (
        (np.where(many < 70, "yes", "no"), "yes"),
        (np.where(many < 70, "x", "w"), "w"),
        (many % 2, None),
    ):
        config, _ = loaded(new, pd.DataFrame({"x": x, "y": y}))
        assert config.data.positive == positive
        Path("pipelines/table.toml").unlink()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"TARGET": "species"}, "DATA: is not given"),
        ({"DATA": "data/iris.csv"}, "TARGET: is not given"),
        ({"DATA": "data/iriss.csv", "TARGET": "species"}, "no such file or folder (did you mean 'data/iris.csv'?)"),
        ({"DATA": "data/iris.csv", "TARGET": "specie"}, "no such column in data/iris.csv (did you mean 'species'?)"),
        ({"DATA": "../iris.csv", "TARGET": "species"}, "is outside of the checkout"),
        ({"DATA": "https://example.com/iris.csv", "TARGET": "species"}, "is an address"),
        ({"DATA": "data/iris.csv", "TARGET": "species", "NAME": "a/b"}, "NAME=a/b: is not a valid name for a pipeline"),
        ({"DATA": "data/iris.csv", "TARGET": "species", "NAME": "pipeline"}, "is not a valid name for a pipeline"),
        ({"DATA": "data/flat.csv", "TARGET": "y"}, "has the same value in every row"),
        ({"DATA": "data/names.csv", "TARGET": "y"}, "neither classes nor a quantity"),
    ],
)
def test_a_wrong_word_is_one_line(
    project: Project, new: New, error_line: Error, variables: dict[str, str], expected: str
) -> None:
    """It names the value and the fix, and writes nothing."""
    pd.DataFrame({"x": range(30), "y": 1}).to_csv("data/flat.csv", index=False)
    pd.DataFrame({"x": range(30), "y": [f"name {n}" for n in range(30)]}).to_csv("data/names.csv", index=False)
    assert expected in error_line(new(**variables), 2)
    assert not (project.path / "pipelines").exists()


def test_a_message_about_a_key_blames_no_other_pipeline(project: Project, new: New, error_line: Error) -> None:
    """The file with the key is not written yet."""
    (project.path / "data/mixed").mkdir()
    pd.DataFrame({"x": range(9), "y": range(9)}).to_csv("data/mixed/1.csv", index=False)
    pd.DataFrame({"x": range(9), "y": range(9)}).to_parquet("data/mixed/2.parquet")
    line = error_line(new(DATA="data/mixed", TARGET="y"), 2)
    assert line.startswith("error: data.path: the folder 'data/mixed' has files of several formats")


def test_nothing_is_overwritten(new: New, error_line: Error) -> None:
    """The second time it is one line, and the file stays as the user has edited it."""
    assert new(DATA="data/iris.csv", TARGET="species").code == 0
    path = Path("pipelines/iris.toml")
    path.write_text(path.read_text() + "# mine\n")
    assert "pipelines/iris.toml: exists, and is not overwritten" in error_line(
        new(DATA="data/iris.csv", TARGET="species"), 2
    )
    assert path.read_text().endswith("# mine\n")


def test_names_are_safe_and_no_two_models_share_one(project: Project, new: New) -> None:
    """A file of any name has a pipeline that make can name, and a model that no other pipeline has."""
    shutil.copy("data/iris.csv", "data/flower classifier (v2).csv")
    project.edit("flower_classifier", "flower_classifier_v2")
    assert new(DATA="data/flower classifier (v2).csv", TARGET="species").code == 0
    config = configuration.load(Path("pipelines/flower_classifier_v2.toml"))
    assert config.registry.name == "flower_classifier_v2_2"
    assert config.data.path == "data/flower classifier (v2).csv"


def test_a_table_outside_keeps_its_absolute_path(project: Project, new: New, tmp_path: Path) -> None:
    """One inside the checkout is written relative to it, so that it holds on another machine."""
    shutil.copy("data/iris.csv", tmp_path / "outside.csv")
    for path, written in ((tmp_path / "outside.csv", str(tmp_path / "outside.csv")),
                          (project.path / "data/iris.csv", "data/iris.csv")):  # fmt: skip
        assert new(DATA=str(path), TARGET="species").code == 0
        assert configuration.load(Path(f"pipelines/{path.stem}.toml")).data.path == written


def test_make_new_writes_in_the_checkout(empty_store: Path, tmp_path: Path) -> None:
    """DATA, TARGET and NAME count on make's command line, and without these names nothing of the shell does."""
    checkout = Checkout(tmp_path / "a check out").fill(empty_store)
    done = checkout.make("new", "DATA=data/iris.csv", "TARGET=species", "NAME=flowers", NAME="other", TARGET="other")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (checkout.path / "pipelines").iterdir()] == ["flowers.toml"]
    assert checkout.make("why", "PIPELINE=pipelines/flowers.toml").returncode == 0
