"""A substitute for the process outside of the repository, for tests of other things."""

import json
import weakref
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from modelmake.gate import answers
from modelmake.gate.isolation import Outside
from modelmake.scores.agreement import Expected


class Inside(Outside):
    """The same load, questions and verdict in this process, which spares a test four seconds of imports."""

    def __init__(self) -> None:
        """Start nothing."""
        folder = TemporaryDirectory()
        self.scratch = Path(folder.name)
        self.end = weakref.finalize(self, folder.cleanup)

    def load(self, folder: Path) -> None:
        """Keep the folder; code that is logged with a model is for a process of its own."""
        assert not (folder / "code").exists(), "mark the test with pytest.mark.outside"
        self._folder = folder

    def ask(self, rows: dict[str, Any], expected: Expected) -> None:
        """Keep rows and predictions."""
        self._rows, self._expected = json.loads(json.dumps(rows, default=str)), expected

    def result(self) -> str:
        """Load the model, ask it and judge the answer."""
        import mlflow.pyfunc

        loaded = mlflow.pyfunc.load_model(str(self._folder), suppress_warnings=True)
        return self._judged(answers.answered(loaded, self._rows))
