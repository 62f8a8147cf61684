"""`make tune` and `make train`: when the search is asked again, and that it is asked where its answer is missing."""

import re
from pathlib import Path

import pytest

from tests.search.conftest import SEARCH
from tests.support.checkout import Checkout

pytestmark = pytest.mark.long
UP_TO_DATE = "tune: up to date (FORCE=1 runs it anyway)"


@pytest.fixture(scope="module")
def checkout(empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """Return a checkout in which `make tune` has done its work."""
    made = Checkout(tmp_path_factory.mktemp("tune") / "a check out").fill(empty_store)
    text = (made.path / "pipeline.toml").read_text().replace("n_estimators = 100", "n_estimators = 5")
    (made.path / "pipeline.toml").write_text(text + SEARCH.replace("trials = 12", "trials = 4"))
    done = made.make("tune")
    assert done.returncode == 0, done.stderr
    return made


@pytest.mark.parametrize(
    ("old", "new"), [("", None), (r"params\]\n", "params]\nx = ["), (r"max_depth = \d+", "max_depth = 99")]
)
def test_what_is_lost_or_edited_is_written_again(checkout: Checkout, old: str, new: str | None) -> None:
    """From the journal, without a trial; `make train` then uses it."""
    assert UP_TO_DATE in checkout.make("tune").stdout
    tuned = checkout.path / "build/tuned.toml"
    before = tuned.read_text()
    if new is None:
        tuned.unlink()
    else:
        tuned.write_text(re.sub(old, new, before))
        assert tuned.read_text() != before
    done = checkout.make("tune")
    assert "trials  all are in run " in done.stdout, done.stdout + done.stderr
    assert tuned.read_text() == before
    assert UP_TO_DATE in checkout.make("tune").stdout
    assert "tuned   trial " in checkout.make("train", MODELMAKE_FORCE="1").stdout


def test_code_that_no_score_depends_on_does_not_end_a_search(checkout: Checkout) -> None:
    """An edit of the page searches no more; one of another stage leaves even the answer as it is."""
    tuned = checkout.path / "build/tuned.toml"
    before = tuned.read_text()
    checkout.edit("scripts/modelmake/serving/smoke.py", '"""', '"""A ')
    assert UP_TO_DATE in checkout.make("tune").stdout
    assert "tuned   trial " in checkout.make("train", MODELMAKE_FORCE="1").stdout
    checkout.edit("scripts/modelmake/search/report.py", '"""Report', '"""report')
    done = checkout.make("tune")
    assert "trials  all are in run " in done.stdout, done.stdout + done.stderr
    assert tuned.read_text() == before
