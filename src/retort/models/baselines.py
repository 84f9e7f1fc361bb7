"""The two baselines of every comparison: the majority verdict, and TF-IDF with logistic regression."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score

from retort import runs
from retort.errors import ModelError
from retort.text import VERSION, normalised_text

# Inverse regularisation strengths tried on validation.
STRENGTHS = (0.3, 1.0, 3.0, 10.0, 30.0)

Matrix = npt.NDArray[np.float64]
Labels = npt.NDArray[np.float32]
Column = npt.NDArray[np.float32]
Weights = npt.NDArray[np.float32]


def majority_probabilities(labels: Labels, rows: int) -> Matrix:
    """Each attribute's share of positives among the rated training rows, for every comment: (rows, n_attributes).

    labels: (n, n_attributes) of 1, 0 and NaN where unrated.
    """
    return np.tile(np.nanmean(labels.astype(np.float64), axis=0), (rows, 1))


class TfidfClassifier:
    """Words and word pairs weighted by TF-IDF, and a logistic regression for each attribute.

    version: that of normalising which it was fitted with.
    """

    def __init__(
        self, vectorizer: TfidfVectorizer, coefficients: Matrix, intercepts: Matrix, version: int = VERSION
    ) -> None:
        self._vectorizer = vectorizer
        self._coefficients = coefficients
        self._intercepts = intercepts
        self._version = version

    @classmethod
    def fitted(
        cls,
        texts: Sequence[str],
        labels: Labels,
        validation_texts: Sequence[str],
        validation_labels: Labels,
        weights: Weights | None = None,
    ) -> "TfidfClassifier":
        """Fits on the training rows; each attribute takes the strength that does best on validation.

        labels: (n, n_attributes) of 1, 0 and NaN where unrated; unrated rows are left out. weights: (n,) of the rows in
        the loss, mean 1; all the same without.
        """
        vectorizer, features = _fit_vectorizer([normalised_text(one) for one in texts])
        held_out = vectorizer.transform([normalised_text(one) for one in validation_texts])
        fits = [
            _fit_attribute(features, labels[:, column], held_out, validation_labels[:, column], weights)
            for column in range(labels.shape[1])
        ]
        coefficients, intercepts = zip(*((fit.coef_[0], fit.intercept_[0]) for fit in fits), strict=True)
        return cls(vectorizer, np.stack(coefficients), np.array(intercepts))

    def with_version(self, version: int) -> "TfidfClassifier":
        """The same model, reading texts as this version of the normaliser leaves them."""
        return TfidfClassifier(self._vectorizer, self._coefficients, self._intercepts, version)

    def logits(self, texts: Sequence[str]) -> Matrix:
        """(n, n_attributes) of n texts, which are normalised here."""
        features = self._vectorizer.transform([normalised_text(text, self._version) for text in texts])
        result: Matrix = features @ self._coefficients.T + self._intercepts
        return result

    def count_words(self, text: str) -> tuple[int, int]:
        """The number of words in the normalised text, and how many of them are not in the vocabulary."""
        normal = self._vectorizer.build_preprocessor()(normalised_text(text, self._version))
        words = self._vectorizer.build_tokenizer()(normal)
        return len(words), sum(word not in self._vectorizer.vocabulary_ for word in words)

    @property
    def parameters(self) -> int:
        """The number of coefficients and intercepts."""
        return int(self._coefficients.size + self._intercepts.size)

    def save(self, folder: Path) -> None:
        """Writes vocabulary.json and weights.safetensors; no pickle, which could run code when loaded."""
        words = {word: int(index) for word, index in self._vectorizer.vocabulary_.items()}
        (folder / runs.VOCABULARY).write_text(json.dumps(words, ensure_ascii=False, sort_keys=True), "utf-8")
        arrays = {
            "coefficients": self._coefficients,
            "intercepts": self._intercepts,
            "inverse_document_frequencies": np.asarray(self._vectorizer.idf_),
        }
        save_file(arrays, folder / runs.TFIDF_WEIGHTS)

    @classmethod
    def load(cls, folder: Path, version: int = VERSION) -> "TfidfClassifier":
        """A saved classifier. Raises ModelError when a file is missing or broken."""
        try:
            words = json.loads((folder / runs.VOCABULARY).read_text("utf-8"))
            arrays = load_file(folder / runs.TFIDF_WEIGHTS)
            vectorizer = _vectorizer(words)
            vectorizer.idf_ = arrays["inverse_document_frequencies"]
            return cls(vectorizer, arrays["coefficients"], arrays["intercepts"], version)
        except Exception as error:  # safetensors raises its own kind for a broken file
            raise ModelError(f"{folder}: not a whole tfidf arm ({error}); take a whole copy") from error


def _fit_vectorizer(texts: Sequence[str]) -> tuple[TfidfVectorizer, Any]:
    """The vectorizer fitted to normalised texts, and their features as a sparse matrix."""
    try:
        vectorizer = _vectorizer()
        return vectorizer, vectorizer.fit_transform(texts)
    except ValueError:  # no word occurs in two comments
        vectorizer = _vectorizer(min_comments=1)
        return vectorizer, vectorizer.fit_transform(texts)


def _fit_attribute(
    features: Any, labels: Column, held_out: Any, held_out_labels: Column, weights: Weights | None
) -> LogisticRegression:
    """One attribute's regression at the strength with the best average precision on the held-out rows."""
    rated, judged = ~np.isnan(labels), ~np.isnan(held_out_labels)
    own = None if weights is None else weights[rated]
    candidates = [
        LogisticRegression(C=strength, max_iter=2000).fit(features[rated], labels[rated], sample_weight=own)
        for strength in STRENGTHS
    ]
    truth = held_out_labels[judged]
    if not truth.any():
        return candidates[STRENGTHS.index(1.0)]
    scores = [average_precision_score(truth, one.decision_function(held_out[judged])) for one in candidates]
    return candidates[int(np.argmax(scores))]


def _vectorizer(vocabulary: dict[str, int] | None = None, min_comments: int = 2) -> TfidfVectorizer:
    """A word or pair of words counts if it occurs in at least `min_comments`."""
    return TfidfVectorizer(
        ngram_range=(1, 2), sublinear_tf=True, min_df=1 if vocabulary else min_comments, vocabulary=vocabulary,
        dtype=np.float64,
    )  # fmt: skip
