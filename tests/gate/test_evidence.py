"""What may be asked beside what."""

import numpy as np

from modelmake.gate import champion
from modelmake.scores import metrics


def test_the_area_under_the_curve_of_other_classes_is_not_compared() -> None:
    """It is a mean over the classes, so one class more is another metric."""
    truth, proba = np.array(["a", "b", "c"]), np.eye(3)
    model = metrics.Predictions(truth, truth, proba, truth)
    less = metrics.Predictions(truth, truth, proba[:, :2], truth[:2])
    assert not champion.other_classes(model, less, "neg_log_loss")
    assert "its classes are 'a', 'b', the model's 'a', 'b', 'c'" in champion.other_classes(model, less, "roc_auc_ovr")
