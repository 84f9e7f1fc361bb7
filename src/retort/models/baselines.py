"""The two arms that every comparison must beat: the majority verdict, and TF-IDF with logistic regression."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score

from retort.errors import ModelError
from retort.text import normalised_text

VOCABULARY = "vocabulary.json"
WEIGHTS = "weights.safetensors"
# Inverse regularisation strengths tried on validation.
STRENGTHS = (0.3, 1.0, 3.0, 10.0, 30.0)

Matrix = npt.NDArray[np.float64]


def majority_probabilities(labels: npt.NDArray[np.float32], rows: int) -> Matrix:
    """Every comment gets each attribute's share among the training labels, (rows, n_attributes)."""
    return np.tile(np.nanmean(labels.astype(np.float64), axis=0), (rows, 1))


class TfidfClassifier:
    """Words and word pairs weighted by TF-IDF, and a logistic regression for each attribute."""

    def __init__(self, vectorizer: TfidfVectorizer, coefficients: Matrix, intercepts: Matrix) -> None:
        self._vectorizer = vectorizer
        self._coefficients = coefficients
        self._intercepts = intercepts

    @classmethod
    def fitted(
        cls,
        texts: Sequence[str],
        labels: npt.NDArray[np.float32],
        validation_texts: Sequence[str],
        validation_labels: npt.NDArray[np.float32],
    ) -> "TfidfClassifier":
        """Fits on the training rows; the strength is the one best on validation, for each attribute."""
        normalised = [normalised_text(t) for t in texts]
        try:
            vectorizer = _vectorizer()
            features = vectorizer.fit_transform(normalised)
        except ValueError:  # no word stands in two comments
            vectorizer = _vectorizer(rarest=1)
            features = vectorizer.fit_transform(normalised)
        tried = vectorizer.transform([normalised_text(t) for t in validation_texts])
        coefficients, intercepts = [], []
        for column in range(labels.shape[1]):
            rated = ~np.isnan(labels[:, column])
            judged = ~np.isnan(validation_labels[:, column])
            candidates = [
                LogisticRegression(C=strength, max_iter=2000).fit(features[rated], labels[rated, column])
                for strength in STRENGTHS
            ]
            truth = validation_labels[judged, column]
            if truth.any():
                scores = [average_precision_score(truth, c.decision_function(tried[judged])) for c in candidates]
                best = candidates[int(np.argmax(scores))]
            else:
                best = candidates[STRENGTHS.index(1.0)]
            coefficients.append(best.coef_[0])
            intercepts.append(best.intercept_[0])
        return cls(vectorizer, np.stack(coefficients), np.array(intercepts))

    def logits(self, texts: Sequence[str]) -> Matrix:
        """(n, n_attributes) for texts as they come; they are normalised here."""
        features = self._vectorizer.transform([normalised_text(text) for text in texts])
        result: Matrix = features @ self._coefficients.T + self._intercepts
        return result

    def count_words(self, text: str) -> tuple[int, int]:
        """How many words a text has once normalised, and how many of those the model does not know."""
        normal = self._vectorizer.build_preprocessor()(normalised_text(text))
        words = self._vectorizer.build_tokenizer()(normal)
        return len(words), sum(word not in self._vectorizer.vocabulary_ for word in words)

    @property
    def parameters(self) -> int:
        """Coefficients and intercepts."""
        return int(self._coefficients.size + self._intercepts.size)

    def save(self, folder: Path) -> None:
        """The words in vocabulary.json, the numbers in weights.safetensors; nothing that runs code."""
        words = {word: int(index) for word, index in self._vectorizer.vocabulary_.items()}
        (folder / VOCABULARY).write_text(json.dumps(words, ensure_ascii=False, sort_keys=True), "utf-8")
        arrays = {
            "coefficients": self._coefficients,
            "intercepts": self._intercepts,
            "inverse_document_frequencies": np.asarray(self._vectorizer.idf_),
        }
        save_file(arrays, folder / WEIGHTS)

    @classmethod
    def load(cls, folder: Path) -> "TfidfClassifier":
        """A saved classifier. Raises ModelError when a file is missing or broken."""
        try:
            words = json.loads((folder / VOCABULARY).read_text("utf-8"))
            arrays = load_file(folder / WEIGHTS)
            vectorizer = _vectorizer(words)
            vectorizer.idf_ = arrays["inverse_document_frequencies"]
            return cls(vectorizer, arrays["coefficients"], arrays["intercepts"])
        except Exception as error:  # safetensors raises its own kind for a broken file
            raise ModelError(f"{folder}: not a whole tfidf arm ({error}); take a whole copy") from error


def _vectorizer(vocabulary: dict[str, int] | None = None, rarest: int = 2) -> TfidfVectorizer:
    """`rarest`: comments that a word must stand in to count."""
    return TfidfVectorizer(
        ngram_range=(1, 2), sublinear_tf=True, min_df=1 if vocabulary else rarest, vocabulary=vocabulary,
        dtype=np.float64,
    )  # fmt: skip
