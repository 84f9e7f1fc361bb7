"""What a file of comments holds and what a comparison on it could show, told before anything is trained."""

import math
from typing import Any

import numpy as np
import pandas as pd

from retort.attributes import PRIMARY
from retort.data.comments import Comments
from retort.data.splits import labels
from retort.text import fold, normalised_text

_SPLIT_SHARES = {"train": 0.70, "validation": 0.15, "test": 0.15}
_Z = 1.959964  # 95 %, two-sided


def describe(comments: Comments, label_threshold: float = 0.6) -> dict[str, Any]:
    """Make-up of the comments and the precision that a 70/15/15 split of them can give, JSON-able.

    `expected` is about the rows that differ: comments and positives (of the primary attribute) by split,
    the accuracy of always answering "never toxic", and half the width of a 95 % interval on the test
    split for that accuracy and for a recall of one half, the widest case. None: cannot be known.
    """
    frame = comments.frame
    distinct = frame[~pd.Series([fold(text) for text in frame["text"]], dtype=object).duplicated().to_numpy()]
    words = np.array([len(text.split()) for text in frame["text"]])
    return {
        "report": comments.report.as_dict(),
        "rows": len(frame),
        "duplicates": len(frame) - len(distinct),
        "changed_by_normalising": sum(normalised_text(text) != text for text in frame["text"]),
        "words": {
            "least": int(words.min()),
            "median": float(np.median(words)),
            "p95": float(np.quantile(words, 0.95)),
            "most": int(words.max()),
        },
        "label_threshold": label_threshold,
        "attributes": {name: _rated(frame, name, label_threshold) for name in comments.attributes},
        "identities": {name: _annotated(frame[name]) for name in comments.identities},
        "official_splits": frame["split"].value_counts().to_dict() if "split" in frame else None,
        "expected": _expected(distinct, label_threshold) if PRIMARY in frame else None,
    }


def _rated(frame: pd.DataFrame, attribute: str, label_threshold: float) -> dict[str, Any]:
    values = labels(frame, [attribute], label_threshold)
    rated = int((~np.isnan(values)).sum())
    positive = int(np.nansum(values))
    return {"rated": rated, "positive": positive, "share": positive / rated if rated else None}


def _annotated(column: pd.Series) -> dict[str, int]:
    """Mentioned: at least half of the raters saw the identity in the comment, as the Kaggle metric counts."""
    return {"annotated": int(column.notna().sum()), "mentioned": int((column >= 0.5).sum())}


def _expected(distinct: pd.DataFrame, label_threshold: float) -> dict[str, Any]:
    share = float(np.nanmean(labels(distinct, [PRIMARY], label_threshold)))
    rows = {name: int(len(distinct) * part + 0.5) for name, part in _SPLIT_SHARES.items()}
    positives = {name: count * share for name, count in rows.items()}
    return {
        "rows": rows,
        "positives": {name: round(count, 1) for name, count in positives.items()},
        "never_toxic_accuracy": 1 - share,
        "half_width": {
            "accuracy": _half_width(1 - share, rows["test"]),
            "recall": _half_width(0.5, positives["test"]),
        },
    }


def _half_width(share: float, rows: float) -> float | None:
    """Half of a Wilson 95 % interval for a share seen in so many rows; None when there are none."""
    if rows < 1:
        return None
    return _Z / (1 + _Z**2 / rows) * math.sqrt(share * (1 - share) / rows + _Z**2 / (4 * rows**2))
