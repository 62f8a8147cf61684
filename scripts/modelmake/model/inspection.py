"""Checked: a model's folder whose code, types and loader are checked before anything in it is loaded."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import skops.io
from sklearn.pipeline import Pipeline

from modelmake.model import user_code
from modelmake.model.trust import SAVED, check_loader, checked_types


@dataclass(frozen=True)
class Checked:
    """A model whose code, types and loader are checked."""

    folder: Path
    types: list[str]

    def pipeline(self) -> Pipeline:
        """Load the fitted pipeline."""
        return skops.io.load(self.folder / SAVED, trusted=self.types)


def check(folder: Path, model_id: str, trusted: Sequence[str]) -> Checked:
    """Check the files of a logged model: its types against the trusted types, not against its own list.

    Raises
    ------
    UserError
        It is not saved as skops, it contains a type that is not trusted, MLflow would load something else, or the code
        that is logged with it is not the code of this checkout.

    """
    code = user_code.logged(folder, model_id)
    types = checked_types(folder / SAVED, trusted, code)
    check_loader(folder, model_id, trusted, code)
    return Checked(folder, types)
