"""Do the labels look inverted, or as if they belonged to other texts?

A cheap model tells: TF-IDF of words with a logistic regression, fitted on some of the training comments.
"""

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from retort.evaluation.intervals import auc_interval
from retort.recipes.experiment import ExperimentSettings
from retort.recipes.inputs import Inputs, Part

EXPLANATION = "Look at some rows: labels may be shifted against the texts, inverted, or of another column"

# Comments that are read of each part: enough for a ROC-AUC, few enough for a second.
_MOST = 4_000
# Fewer of one kind say nothing.
_FEWEST = 30
# A file whose labels belong to its texts has more, even with a model that knows no words beyond a few thousand.
_RELATED = 0.55


def find(settings: ExperimentSettings, inputs: Inputs) -> list[str]:
    """Labels that words of half the training comments do not foretell in the other half, or foretell the wrong way
    round in validation or test."""
    primary = inputs.attributes.index(settings.task.primary)
    texts, labels = _some(inputs.train, primary)
    half = np.arange(len(texts)) % 2 == 0
    if min(labels.sum(), len(labels) - labels.sum()) < 2 * _FEWEST or len(set(labels[half])) < 2:
        return []
    vectorizer = TfidfVectorizer(min_df=2, sublinear_tf=True)
    known = vectorizer.fit_transform([text for text, own in zip(texts, half, strict=True) if own])
    model = LogisticRegression(C=3.0, class_weight="balanced", max_iter=200).fit(known, labels[half])
    found = []
    rest = ([text for text, own in zip(texts, half, strict=True) if not own], labels[~half])
    for name, (own_texts, own_labels) in {
        "training": rest, "validation": _some(inputs.validation, primary), "test": _some(inputs.test, primary)
    }.items():  # fmt: skip
        positives, negatives = int(own_labels.sum()), int(len(own_labels) - own_labels.sum())
        if min(positives, negatives) < _FEWEST:
            continue
        scores = model.decision_function(vectorizer.transform(own_texts))
        auc = float(roc_auc_score(own_labels, scores))
        low, high = auc_interval(auc, positives, negatives)
        if high < 0.5:
            found.append(f"{name} labels are the other way round than what words foretell (ROC-AUC {auc:.2f})")
        elif name == "training" and low < 0.5 and auc < _RELATED:
            found.append(f"{settings.task.primary} hardly depends on the words of a text (ROC-AUC {auc:.2f})")
    return found


def _some(part: Part, column: int) -> tuple[list[str], np.ndarray]:
    """Rated texts and their labels of 0 and 1, evenly spaced."""
    labels = part.labels[:, column]
    rated = np.flatnonzero(~np.isnan(labels))
    chosen = rated[:: max(1, -(-len(rated) // _MOST))]
    return [part.texts[i] for i in chosen], labels[chosen].astype(np.int64)
