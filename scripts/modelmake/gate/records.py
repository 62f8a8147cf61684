"""What a model of the user's own code predicted, as its evaluation recorded it: the code may be another by now."""

import io
import zipfile

import numpy as np

from modelmake.core.errors import UserError
from modelmake.data.split import HASH, Split
from modelmake.model.score import of_two
from modelmake.scores.metrics import Predictions

FOLDER, FILE = "evaluate", "predictions.npz"  # in the run's artifacts, beside the report
MOST = 100_000  # rows of a file


def record(p: Predictions, rows: np.ndarray) -> bytes:
    """Return predictions as a file of NumPy's, without pickles.

    Parameters
    ----------
    p : Predictions
        Of the held-out rows.
    rows : ndarray of shape (n_rows,)
        The rows' hashes. Of a large table the first 100,000 rows are recorded.

    """
    kept = {"rows": rows.astype(HASH), "y_pred": p.y_pred, "y_proba": p.y_proba}
    arrays = {name: values[:MOST] for name, values in kept.items() if values is not None}
    if p.classes is not None:
        arrays["classes"] = p.classes
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **{name: _plain(values) for name, values in arrays.items()})
    return file.getvalue()


def recorded(file: bytes | None, split: Split, positive: object) -> tuple[Predictions, np.ndarray]:
    """Return the recorded predictions of the held-out rows, and a mask of the rows that have one.

    Raises
    ------
    UserError
        The file is missing, is not a record of predictions, or has none of the rows.

    """
    try:
        with np.load(io.BytesIO(file or b""), allow_pickle=False) as arrays:
            of = {name: arrays[name] for name in arrays.files}
        order = np.argsort(of["rows"], kind="stable")
        asked = split.X_test.index.to_numpy()
        places = order[np.searchsorted(of["rows"], asked, sorter=order).clip(max=len(order) - 1)]
        known = of["rows"][places] == asked
        y_proba, classes = of["y_proba"][places] if "y_proba" in of else None, of.get("classes")
        p = Predictions(split.y_test.to_numpy(), of["y_pred"][places], y_proba, classes, of_two(positive, classes))
    except (ValueError, KeyError, IndexError, EOFError, zipfile.BadZipFile):
        known = np.zeros(0, dtype=bool)
    if not known.any():
        what = "is not the code of this checkout, and its run has no predictions of these rows"
        raise UserError("its own code", what, "not comparable")
    return p, known


def _plain(values: np.ndarray) -> np.ndarray:
    """Return texts as NumPy's own, since objects need a pickle."""
    return np.array(values.tolist()) if values.dtype == object else values
