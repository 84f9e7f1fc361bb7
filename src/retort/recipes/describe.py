"""The job of `retort data`: what a file of comments holds, and what a comparison on it could show."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from retort.config import DataSettings
from retort.data.comments import Comments
from retort.data.sources import read_file
from retort.data.splits import labels
from retort.evaluation.bias import mentions
from retort.evaluation.intervals import wilson
from retort.tasks import Task
from retort.text import fold, normalised_text


def describe_file(path: Path, task: Task, columns: Mapping[str, str]) -> tuple[list[str], dict[str, Any]]:
    """(lines on what was read, the description). Raises DataError when the file cannot be used."""
    comments = read_file(path, task, columns)
    return comments.report.lines(), describe(comments, task)


def describe(comments: Comments, task: Task) -> dict[str, Any]:
    """Make-up of the comments, and the precision that a split of the default shares can give; JSON-able.

    `expected` is None for comments without the primary label, else about those that differ: rows and positives by
    split, the accuracy of answering "negative" to all of them, and half the width of a 95 % interval on the test
    split for that accuracy and for a recall of one half, the widest case (None where the split would be empty).
    """
    frame = comments.frame
    distinct = frame[~frame["text"].map(fold).duplicated().to_numpy()]
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
        "label_threshold": task.label_threshold,
        "attributes": {name: _rated(frame, name, task.label_threshold) for name in comments.attributes},
        "identities": {name: _annotated(frame[name]) for name in comments.identities},
        "official_splits": frame["split"].value_counts().to_dict() if "split" in frame else None,
        "expected": _expected(distinct, task) if task.primary in frame else None,
    }


def _rated(frame: pd.DataFrame, attribute: str, label_threshold: float) -> dict[str, Any]:
    values = labels(frame, [attribute], label_threshold)
    rated = int((~np.isnan(values)).sum())
    positive = int(np.nansum(values))
    return {"rated": rated, "positive": positive, "share": positive / rated if rated else None}


def _annotated(column: pd.Series) -> dict[str, int]:
    return {"annotated": int(column.notna().sum()), "mentioned": int(mentions(column.to_numpy()).sum())}


def _expected(distinct: pd.DataFrame, task: Task) -> dict[str, Any]:
    share = float(np.nanmean(labels(distinct, [task.primary], task.label_threshold)))
    shares = _default_shares()
    rows = {name: int(len(distinct) * part + 0.5) for name, part in shares.items()}
    positives = {name: count * share for name, count in rows.items()}
    return {
        "shares": shares,
        "rows": rows,
        "positives": {name: round(count, 1) for name, count in positives.items()},
        "all_negative_accuracy": 1 - share,
        "half_width": {
            "accuracy": _half_width(1 - share, rows["test"]),
            "recall": _half_width(0.5, positives["test"]),
        },
    }


def _default_shares() -> dict[str, float]:
    """Split -> its share of the comments, by the defaults of `DataSettings`."""
    settings = DataSettings()
    held_out = {"validation": settings.validation_share, "test": settings.test_share}
    return {"train": 1 - sum(held_out.values()), **held_out}


def _half_width(share: float, rows: float) -> float | None:
    if rows < 1:
        return None
    low, high = wilson(share * rows, rows)
    return (high - low) / 2
