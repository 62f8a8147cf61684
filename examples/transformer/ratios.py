import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin


class Ratios(TransformerMixin, BaseEstimator):
    """The logarithm of one column over another."""

    def __init__(self, above=None, below=None):
        self.above = above
        self.below = below

    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return np.log(X[[self.above]].to_numpy() / X[[self.below]].to_numpy())
