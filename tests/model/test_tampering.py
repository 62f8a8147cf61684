"""Tampering: a model that somebody changed on the server is refused by all that load it, before any of it runs."""

import importlib
import importlib.util
import json
import pickle
import py_compile
import shutil
import zipfile
from collections.abc import Callable

import pytest
import skops.io
import yaml

from modelmake.core.errors import UserError
from modelmake.model import store
from modelmake.model.trust import BOOSTING, TRUSTED_TYPES
from modelmake.tracking.runs import Tracking
from tests.conftest import ROOT, Outcome, Project

Check = Callable[[Outcome, int], str]
MARK = "payload was run"
PAYLOAD = f"""\
from pathlib import Path
from sklearn.naive_bayes import GaussianNB

class Payload(GaussianNB):
    def __setstate__(self, state):
        Path({MARK!r}).touch()

    def __reduce__(self):
        return Path.touch, (Path({MARK!r}),)

class Quiet(Payload):
    __reduce__ = GaussianNB.__reduce__
"""


class Model:
    """The logged model's folder on the server."""

    def __init__(self, project: Project) -> None:
        """Find it, and let Python find the payload's module."""
        [about] = (project.path / ".mlflow/artifacts").rglob("MLmodel")
        self.folder = about.parent
        (project.path / "payload.py").write_text(PAYLOAD)

    def edit(self, change: Callable[[dict], None]) -> None:
        """Change its MLmodel."""
        path = self.folder / "MLmodel"
        about = yaml.safe_load(path.read_text())
        change(about)
        path.write_text(yaml.safe_dump(about))


def widened(tampered: Model) -> None:
    """Contain a type of its own, and declare it in its own list, which MLflow believes."""
    import payload

    skops.io.dump(payload.Quiet(), tampered.folder / "model.skops")
    tampered.edit(lambda about: about["flavors"]["sklearn"].update(skops_trusted_types=["payload.Quiet"]))


def pickled(tampered: Model) -> None:
    """Be a pickle by another name, which MLflow loads as one."""
    import payload

    (tampered.folder / "model.pkl").write_bytes(pickle.dumps(payload.Payload()))

    def change(about: dict) -> None:
        about["flavors"]["sklearn"].update(pickled_model="model.pkl", serialization_format="pickle")
        about["flavors"]["python_function"]["model_path"] = "model.pkl"

    tampered.edit(change)


def disguised(tampered: Model) -> None:
    """Be a pickle by the name of the file that is looked at."""
    import payload

    (tampered.folder / "model.skops").write_bytes(pickle.dumps(payload.Payload()))


def beside(tampered: Model) -> None:
    """Keep the good file, and have MLflow's other flavor load a pickle beside it."""
    pickled(tampered)
    tampered.edit(lambda about: about["flavors"]["python_function"].update(model_path="model.skops"))


def shipped(tampered: Model) -> None:
    """Ship code, which MLflow puts on the path and imports."""
    (tampered.folder / "code").mkdir()
    (tampered.folder / "code/sklearn.py").write_text(f"open({MARK!r}, 'w')")
    tampered.edit(lambda about: about["flavors"]["python_function"].update(code="code"))


def elsewhere(tampered: Model) -> None:
    """Have itself loaded by another module."""
    tampered.edit(lambda about: about["flavors"]["python_function"].update(loader_module="payload"))


def outside(tampered: Model) -> None:
    """Point to a file outside of its folder."""
    tampered.edit(lambda about: about["flavors"]["python_function"].update(model_path="../../../../../../payload.pkl"))


def tagged(tampered: Model) -> None:
    """Carry a Python object in its YAML."""
    text = (tampered.folder / "MLmodel").read_text()
    (tampered.folder / "MLmodel").write_text(f"x: !!python/object/apply:builtins.open ['{MARK}', 'w']\n{text}")


def both(tampered: Model) -> None:
    """Be a skops archive and a pickle at once: a zip may begin with anything, and MLflow does as its MLmodel says."""
    import payload

    good = tampered.folder / "model.skops"
    good.write_bytes(pickle.dumps(payload.Payload()) + good.read_bytes())
    tampered.edit(lambda about: about["flavors"]["sklearn"].update(serialization_format="pickle"))


def boasting(tampered: Model) -> None:
    """Contain no new type, and declare one that is not on the trusted list."""
    tampered.edit(lambda about: about["flavors"]["sklearn"].update(skops_trusted_types=["os.system"]))


def nested(tampered: Model) -> None:
    """Have MLflow look into a folder of its own making."""
    shutil.copytree(tampered.folder, tampered.folder.parent / "copy")
    shutil.move(tampered.folder.parent / "copy", tampered.folder / "inner")
    tampered.edit(lambda about: about["flavors"]["python_function"].update(data="inner"))


ATTACKS = (widened, pickled, disguised, beside, both, boasting, nested, shipped, elsewhere, outside, tagged)


@pytest.fixture(autouse=True)
def importable(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the payload's module be found, as one that is installed would be."""
    monkeypatch.syspath_prepend(str(project.path))
    monkeypatch.delitem(__import__("sys").modules, "payload", raising=False)


def test_the_payload_works(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever loads it as it asks to be loaded runs it: these tests can fail."""
    (project.path / "payload.py").write_text(PAYLOAD)
    import payload

    for load in (
        lambda: pickle.loads(pickle.dumps(payload.Payload())),  # noqa: S301  # that is the point
        lambda: skops.io.loads(skops.io.dumps(payload.Quiet()), trusted=["payload.Quiet"]),
    ):
        load()
        (project.path / MARK).unlink()


def test_a_model_that_is_two_things_at_once_is_refused(evaluated: Project, error_line: Check) -> None:
    """The hardest of the attacks below, on every laptop."""
    both(Model(evaluated))
    assert "makes MLflow load something other than" in error_line(evaluated.stage("evaluate"), 2)
    assert not (evaluated.path / MARK).exists()


@pytest.mark.long
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_evaluate_and_register_refuse_a_tampered_model(
    evaluated: Project, error_line: Check, attack: Callable[[Model], None]
) -> None:
    """Exit code 2 and one line from both; no version comes of it."""
    attack(Model(evaluated))
    for stage in ("evaluate", "register"):
        line = error_line(evaluated.stage(stage), 2)
        assert line.startswith(("error: model m-", "error: model.skops: ")), line
        assert not (evaluated.path / MARK).exists()
    assert evaluated.client.search_model_versions("name = 'flower_classifier'") == []


@pytest.mark.long
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_a_tampered_champion_is_not_compared_with(
    after: Callable[..., Project], error_line: Check, attack: Callable[[Model], None]
) -> None:
    """The gate says so and refuses; it is not loaded."""
    project = after("train", "evaluate", "register", "promote")
    champion, hidden = Model(project), project.path / "champion"
    shutil.move(champion.folder, hidden)
    assert project.stage("train").code == 0
    shutil.move(hidden, champion.folder)
    attack(champion)
    assert "champion version 1 can't be compared" in error_line(project.stage("evaluate"), 3)
    assert not (project.path / MARK).exists()


MINE = """\
from os import system
from sklearn.naive_bayes import GaussianNB

class Mine(GaussianNB):
    pass
"""
OPEN = f"open({MARK!r}, 'w')\n"


def changed(tampered: Model) -> None:
    """Do something else in the user's module."""
    (tampered.folder / "code/models/mine.py").write_text(OPEN + MINE)


def added(tampered: Model) -> None:
    """Have one module more, by the name of a package, which MLflow's path finds first."""
    (tampered.folder / "code/sklearn.py").write_text(OPEN)


def packaged(tampered: Model) -> None:
    """Make a package of a folder, whose code runs before the module's."""
    (tampered.folder / "code/models/__init__.py").write_text(OPEN)


def compiled(tampered: Model) -> None:
    """Have compiled code beside the source, which Python takes without a look at the source."""
    source, cache = tampered.folder / "source.py", tampered.folder / "code/models/__pycache__"
    source.write_text(OPEN + MINE)
    cache.unlink()
    name = importlib.util.cache_from_source(str(cache.parent / "mine.py"))
    py_compile.compile(str(source), name, doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)


def sourceless(tampered: Model) -> None:
    """Have compiled code without a source."""
    source = tampered.folder / "source.py"
    source.write_text(OPEN)
    py_compile.compile(str(source), str(tampered.folder / "code/yaml.pyc"))


def beside_the_code(tampered: Model) -> None:
    """Have MLflow import from another folder of the model."""
    shutil.copytree(tampered.folder / "code", tampered.folder / "other")
    (tampered.folder / "other/models/mine.py").write_text(OPEN + MINE)
    tampered.edit(lambda about: about["flavors"]["python_function"].update(code="other"))


def above(tampered: Model) -> None:
    """Have MLflow import from outside of the model's folder."""
    tampered.edit(lambda about: about["flavors"]["python_function"].update(code="code/../../../../../.."))


def withheld(tampered: Model) -> None:
    """Have the code, and MLflow not import it."""
    tampered.edit(lambda about: about["flavors"]["python_function"].pop("code"))


def smuggled(tampered: Model) -> None:
    """Have skops call what the user's module imports."""
    text = {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode", "is_json": True}
    text["content"] = json.dumps(f"touch '{MARK}'")
    values = {"__class__": "tuple", "__module__": "builtins", "__loader__": "TupleNode", "content": [text]}
    call = {"__class__": "system", "__module__": "models.mine", "__loader__": "ConstructorFromReduceNode"}
    about = call | {"content": values, "protocol": skops.io._protocol.PROTOCOL, "_skops_version": skops.__version__}
    with zipfile.ZipFile(tampered.folder / "model.skops", "w") as archive:
        archive.writestr("schema.json", json.dumps(about))


CODE_ATTACKS = (changed, added, packaged, compiled, sourceless, beside_the_code, above, withheld, smuggled)


def coded(project: Project) -> None:
    """Train an estimator of the user's own."""
    (project.path / "models").mkdir()
    (project.path / "models/mine.py").write_text(MINE)
    project.edit("sklearn.ensemble.RandomForestClassifier", "models.mine.Mine")
    project.edit("n_estimators = 5", "")
    assert project.stage("train").code == 0


def refused(project: Project, error_line: Check, attack: Callable[[Model], None]) -> None:
    """Check that no stage loads what the attack has left, and put the model back."""
    tampered, kept = Model(project), project.path / "kept"
    shutil.copytree(tampered.folder, kept)
    attack(tampered)
    done = project.stage("evaluate")
    assert done.code == 2, attack.__name__
    assert error_line(done, 2).startswith(("error: model m-", "error: model.skops: ")), done.err
    assert not (project.path / MARK).exists()
    shutil.rmtree(tampered.folder)
    shutil.move(kept, tampered.folder)


def test_code_that_is_not_the_checkouts_is_refused(
    project: Project, error_line: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each way to have MLflow, or skops, run something else than the user's modules; then it is as it was."""
    for name in ("models", "models.mine"):
        monkeypatch.delitem(__import__("sys").modules, name, raising=False)
    coded(project)
    for attack in CODE_ATTACKS:
        refused(project, error_line, attack)
    store.load(project.receipt("train")["model_id"], ())
    project.edit("pass", "'''Changed here.'''", "models/mine.py")
    assert "of its code is not the same in this checkout" in error_line(project.stage("evaluate"), 2)


@pytest.mark.long
def test_a_type_of_the_users_own_is_loaded_once_it_is_trusted(evaluated: Project) -> None:
    """The list that counts is this repository's: with a line in it the same file is loaded, and runs."""
    widened(Model(evaluated))
    model_id = evaluated.receipt("train")["model_id"]
    Tracking()
    with pytest.raises(UserError, match="is not on the trusted list"):
        store.load(model_id, ())
    assert not (evaluated.path / MARK).exists()
    store.load(model_id, ["payload.Quiet"])
    assert (evaluated.path / MARK).exists()


@pytest.mark.long
@pytest.mark.parametrize("run_id", ["../../../etc", "a/b", "a b", "%2e%2e", "x" * 1000, "-rf", "\x1b[31m"])
def test_a_run_id_is_an_id(project: Project, error_line: Check, monkeypatch: pytest.MonkeyPatch, run_id: str) -> None:
    """Nothing else reaches a path or a server."""
    monkeypatch.setenv("MODELMAKE_RUN_ID", run_id)
    for stage in ("evaluate", "register"):
        assert "does not exist on sqlite:///" in error_line(project.stage(stage), 2)


def test_an_example_outside_of_the_model_is_not_read(evaluated: Project, error_line: Check) -> None:
    """The input example's path, too, is the artifact's own word."""
    secret = evaluated.path / "secret.json"
    secret.write_text(json.dumps({"columns": ["marked secret"], "data": [[1]]}))

    def change(about: dict) -> None:
        about["saved_input_example_info"]["artifact_path"] = str(secret)

    Model(evaluated).edit(change)
    outcome = evaluated.stage("register")
    assert outcome.code == 2
    assert "marked secret" not in outcome.out + outcome.err


def test_nothing_here_trusts_what_runs_code() -> None:
    """Our own list names no function but scores, no module of the operating system, and nothing that loads more."""
    for path in TRUSTED_TYPES:
        module, _, name = path.rpartition(".")
        package = module.split(".")[0]
        boosting = path in BOOSTING
        assert boosting or package in ("numpy", "scipy", "sklearn", "skrub")
        if boosting and not importlib.util.find_spec(package):  # catboost is not in the lock
            continue
        member = getattr(importlib.import_module(module), name)
        scores = ("sklearn.metrics._", "sklearn.feature_selection._", "scipy._lib.array_api_compat.numpy.")
        assert isinstance(member, type) or module.startswith(scores), path


def test_only_act_gets_the_engines_socket() -> None:
    """Whoever has it has the machine; and act's jobs don't get it."""
    holders = [path.name for path in (ROOT / "docker").rglob("*.*") if "docker.sock" in path.read_text()]
    assert holders == ["act.sh"]
    assert "docker.sock" not in (ROOT / "compose.yaml").read_text()
