"""snapshot = "mlflow": the tracking server keeps a table once for each content, and gives it back."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Outcome, Project
from tests.source.conftest import IRIS, Fetching, Web, snapshots
from tests.support.checkout import Checkout

Check = Callable[[Outcome, int], str]
KEEP = 'snapshot = "mlflow"'


def stored(project: Project) -> list[Path]:
    """Return the tables on the server."""
    return sorted((project.path / ".mlflow").glob("artifacts/*/artifacts/table/*"))


def trained(project: Project) -> dict[str, str]:
    """Train, and return the tags of the run."""
    done = project.stage("train")
    assert done.code == 0, done
    return project.client.get_run(project.receipt("train")["run_id"]).data.tags


@pytest.fixture
def kept(fetching: Fetching, web: Web) -> Project:
    """A project whose table is fetched, trained on and kept."""
    project = fetching(web.serve("/iris.csv", IRIS), KEEP)
    assert project.stage("fetch").code == 0
    trained(project)
    return project


def test_a_content_is_logged_once(kept: Project) -> None:
    """Later runs name the run that has it; another content is another table."""
    first = kept.receipt("train")["run_id"]
    [table] = stored(kept)
    assert table.read_bytes() == snapshots(kept)[0].read_bytes()
    place = f"{first}/table/{table.name}"
    assert kept.client.get_run(first).data.tags["modelmake.snapshot"] == place
    assert trained(kept)["modelmake.snapshot"] == place
    assert len(stored(kept)) == 1
    shutil.copy(kept.path / "data/iris.csv", kept.path / "data/more.csv")
    kept.edit('source = "', 'path = "data/more.csv"\n# "')
    assert trained(kept)["modelmake.snapshot"] != place
    assert len(stored(kept)) == 2


def test_without_the_key_nothing_is_kept(project: Project) -> None:
    """A table is the user's to keep."""
    assert "modelmake.snapshot" not in trained(project)
    assert stored(project) == []


def test_a_deleted_run_keeps_nothing_for_others(kept: Project) -> None:
    """MLflow may remove its artifacts at any time, so the next run logs the table again."""
    first = kept.receipt("train")["run_id"]
    kept.client.delete_run(first)
    tags = trained(kept)
    assert tags["modelmake.snapshot"].startswith(kept.receipt("train")["run_id"])


@pytest.mark.long
def test_another_machine_takes_the_table_from_the_server(kept: Project) -> None:
    """`evaluate` in another job has the run's id and no snapshot; a push trains on the newest one."""
    shutil.rmtree(kept.path / "data/snapshots")
    done = kept.stage("evaluate")
    assert done.code == 0, done
    assert "from the tracking server" in done.out
    data = kept.receipt("train")["data_sha256"]
    shutil.rmtree(kept.path / "build/tables")
    assert trained(kept)["modelmake.data"] == data
    assert kept.stage("evaluate").code == 0
    assert len(stored(kept)) == 1


def test_a_table_that_was_changed_on_the_server_is_named(kept: Project, error_line: Check) -> None:
    """It is not what the run was trained on."""
    shutil.rmtree(kept.path / "data/snapshots")
    [table] = stored(kept)
    shutil.copy(kept.path / "data/iris.csv", table)
    assert "is not what it was trained on (SHA-256" in error_line(kept.stage("evaluate"), 2)
    table.unlink()
    assert f"its artifact table/{table.name} no longer exists" in error_line(kept.stage("evaluate"), 2)


@pytest.mark.parametrize("place", ["../../etc/table/passwd", "0123/table/..", "0123/model/x", "nothing"])
def test_a_tag_that_names_no_table_is_not_followed(kept: Project, error_line: Check, place: str) -> None:
    """Anybody can write tags."""
    shutil.rmtree(kept.path / "data/snapshots")
    kept.client.set_tag(kept.receipt("train")["run_id"], "modelmake.snapshot", place)
    assert "make fetch" in error_line(kept.stage("evaluate"), 2)


@pytest.mark.long
def test_a_folder_is_kept_too(project: Project) -> None:
    """With all its files."""
    (project.path / "data/parts").mkdir()
    lines = (project.path / "data/iris.csv").read_text().splitlines(keepends=True)
    for number, rows in enumerate((lines[1:100], lines[100:])):
        (project.path / f"data/parts/{number}.csv").write_text("".join([lines[0], *rows]))
    project.edit('path = "data/iris.csv"', f'path = "data/parts"\n{KEEP}')
    trained(project)
    [folder] = stored(project)
    assert sorted(path.name for path in folder.iterdir()) == ["0.csv", "1.csv"]
    shutil.move(project.path / "data/parts", project.path / "away")
    assert project.stage("evaluate").code == 0


@pytest.fixture
def checkout(tmp_path: Path, empty_store: Path) -> Checkout:
    """A copy of the checkout whose table is outside of git, kept, and evaluated."""
    checkout = Checkout(tmp_path / "check out").fill(empty_store)
    with (checkout.path / ".gitignore").open("a") as file:
        file.write("/data/\n")
    checkout.edit("pipeline.toml", 'path = "data/iris.csv"', f'{KEEP}\npath = "data/iris.csv"')
    identity = ("-c", "user.name=Test", "-c", "user.email=test@localhost")
    for words in (["rm", "-q", "--cached", "data/iris.csv"], ["add", "-A"], [*identity, "commit", "-qm", "Change"]):
        subprocess.run(["git", *words], cwd=checkout.path, check=True)
    done = checkout.make("train", "evaluate")
    assert done.returncode == 0, done.stdout + done.stderr
    return checkout


@pytest.mark.long
def test_a_run_is_made_again_from_the_table_that_it_kept(checkout: Checkout) -> None:
    """When the file itself is gone."""
    (checkout.path / "data/iris.csv").unlink()
    done = checkout.make("reproduce")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "from the tracking server" in done.stdout
    assert "are the same" in done.stdout
