"""An estimator of your own: name it in pipeline.toml as estimator = "models.example.forest"."""

# from sklearn.ensemble import RandomForestClassifier
#
#
# def forest(n_estimators: int = 100) -> RandomForestClassifier:
#     """Return the estimator; [model.params] of pipeline.toml are its arguments, and the seed fills random_state."""
#     return RandomForestClassifier(n_estimators=n_estimators)
