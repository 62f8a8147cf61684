"""Start: the first estimator and the first rule of a new pipeline, by its table."""

from modelmake.projects.draft import Draft

SMALL, WIDE = 500, 500  # rows below and columns above which a linear model is the better start
LARGE = 10_000  # rows from which boosting is faster than other trees
IMBALANCED = 0.2  # share of the rarest class
LINEAR = {
    True: ("sklearn.linear_model.LogisticRegression", {"max_iter": 1000}),
    False: ("sklearn.linear_model.Ridge", {}),
}
TREES = {True: "sklearn.ensemble.ExtraTreesClassifier", False: "sklearn.ensemble.ExtraTreesRegressor"}
BOOSTED = {
    True: "sklearn.ensemble.HistGradientBoostingClassifier",
    False: "sklearn.ensemble.HistGradientBoostingRegressor",
}


def copies(made: Draft) -> float:
    """Return the share of the rows that equal another row in all that is read of them."""
    dropped = made.data.drop or []
    return float(made.frame[[name for name in made.frame.columns if name not in dropped]].duplicated(keep=False).mean())


def estimator(made: Draft) -> tuple[str, dict[str, int], str]:
    """Return the estimator to start with, its parameters and the reason."""
    rows, columns = made.frame.shape
    if made.data.time and not made.classifier:
        return *LINEAR[False], "a linear model follows a trend beyond the training rows; trees do not"
    if rows < SMALL or columns > WIDE:
        return *LINEAR[made.classifier], f"a simple start for {rows} rows and {columns} columns"
    trees = TREES if rows < LARGE else BOOSTED
    return trees[made.classifier], {}, f"a strong start for {rows} rows of numbers and categories"


def rule(made: Draft) -> tuple[str, str]:
    """Return the first rule, whose threshold the Dummy estimator does not reach, and what that reaches."""
    if not made.classifier:
        return "r2 > 0.1", "always predicting the mean gives 0"
    shares = made.target.value_counts(normalize=True)
    if shares.min() < IMBALANCED / len(shares) * 2:
        floor, metric = 1 / len(shares), "balanced_accuracy"
    else:
        floor, metric = shares.max(), "accuracy"
    return f"{metric} > {floor + (1 - floor) / 10:.2f}", f"always predicting the most frequent class gives {floor:.2f}"
