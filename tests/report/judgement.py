"""Figures and pairs in the shape of comparison.json, quick to make: true values, intervals from a normal approximation.

The report is a reader, so its tests need the shape and plausible numbers, not the program's own statistics.
"""

import itertools
import math
from typing import Any

import numpy as np
from scipy import stats
from sklearn import metrics as sk

from retort.evaluation.metrics import measure, rated, why_missing
from retort.report.comparison_tables import METRICS

_Z = 1.96
_BY_POSITIVES = ("precision", "recall", "f1", "f1_at_half", "average_precision")


def judge(labels, predictions, attributes, thresholds, *, margin, primary):
    """labels (n, L), predictions {arm: (S, n, L)}, thresholds {arm: (S, L)} -> tests, pairs."""
    tests: dict[str, Any] = {arm: {} for arm in predictions}
    for column, attribute in enumerate(attributes):
        for arm, scores in predictions.items():
            tests[arm][attribute] = _figures(labels[:, column], scores[:, :, column], thresholds[arm][:, column])
    pairs: list[dict[str, Any]] = []
    for metric in ("average_precision", "accuracy", "f1"):
        figures = {arm: tests[arm][primary][metric] for arm in predictions}
        rows = [_pair(a, b, figures, metric, margin, len(labels)) for a, b in itertools.combinations(figures, 2)]
        pairs += _with_verdicts(rows)
    return tests, pairs


def _figures(labels, scores, thresholds):
    measured, missing = [], {}
    for one, threshold in zip(scores, thresholds, strict=True):
        values = measure(labels, one, float(threshold))
        measured.append(values | {"f1_at_half": measure(labels, one, 0.5)["f1"]})
        missing |= why_missing(labels, one, float(threshold))
    known, _ = rated(labels, scores[0])
    return {metric: _figure([m[metric] for m in measured], known, metric, missing.get(metric)) for metric in METRICS}


def _figure(seeds, known, metric, why):
    if any(value is None for value in seeds):
        why = why or "no comment is positive"
        return {"value": None, "low": None, "high": None, "seeds": seeds, "spread": None, "why": why}
    value, spread = float(np.mean(seeds)), float(np.std(seeds, ddof=1)) if len(seeds) > 1 else None
    count = max(int(known.sum()), 1) if metric in _BY_POSITIVES else len(known)
    error = math.sqrt(max(value * (1 - value), 0.02) / count + (spread or 0) ** 2 / len(seeds))
    low, high = max(value - _Z * error, -1.0 if metric == "mcc" else 0.0), min(value + _Z * error, 1.0)
    figure = {"value": value, "low": low, "high": high, "interval": "normal", "seeds": seeds, "spread": spread}
    return figure | ({"perfect": 0.3 / math.sqrt(len(known))} if metric == "ece" else {})


def _pair(a, b, figures, metric, margin, rows):
    row = {"a": a, "b": b, "metric": metric, "margin": margin}
    of_a, of_b = figures[a], figures[b]
    if of_a["value"] is None or of_b["value"] is None:
        why = of_a.get("why") or of_b.get("why")
        missing = ("difference", "low", "high", "p_value", "spread", "comments_needed", "seeds_needed")
        return row | dict.fromkeys(missing) | {"seeds": [], "why": why}
    seeds = [x - y for x, y in np.broadcast(np.asarray(of_a["seeds"]), np.asarray(of_b["seeds"]))]
    difference, spread = float(np.mean(seeds)), float(np.std(seeds, ddof=1)) if len(seeds) > 1 else None
    # Paired errors are smaller than those of either figure.
    from_comments = 0.3 * math.hypot(*(figure["high"] - figure["low"] for figure in (of_a, of_b))) / (2 * _Z)
    error = math.hypot(max(from_comments, 1e-6), (spread or 0) / math.sqrt(len(seeds)))
    half = (margin / 2.8) ** 2 / 2
    return row | {
        "difference": difference,
        "low": difference - _Z * error,
        "high": difference + _Z * error,
        "p_value": float(2 * stats.norm.sf(abs(difference) / error)),
        "interval": "normal",
        "seeds": seeds,
        "spread": spread,
        "comments_needed": math.ceil(rows * from_comments**2 / half),
        "seeds_needed": None if spread is None else max(1, math.ceil(spread**2 / half)),
        **({"why": "one seed: no spread"} if spread is None else {}),
    }


def _with_verdicts(rows):
    """Holm's step-down p values (Holm 1979), then the verdict of each row."""
    known = sorted((row for row in rows if row["difference"] is not None), key=lambda row: row["p_value"])
    running = 0.0
    for place, row in enumerate(known):
        running = max(running, min(1.0, row["p_value"] * (len(known) - place)))
        row["p_holm"] = running
    for row in rows:
        row["verdict"], row["favours"] = _verdict(row)
        row.setdefault("p_holm", None)
    return rows


def _verdict(row):
    low, high, margin = row["low"], row["high"], row["margin"]
    if low is None:
        return "cannot tell", None
    if -margin <= low and high <= margin:
        return "equivalent", None
    if (low > 0 or high < 0) and row["p_holm"] < 0.05:
        return "better", "a" if low > 0 else "b"
    if low > -margin or high < margin:
        return "not worse", "a" if low > -margin else "b"
    return "cannot tell", None


def best_f1_threshold(labels, scores) -> float:
    """The probability with the highest F1; 0.5 without ten positives."""
    if labels.sum() < 10:
        return 0.5
    precision, recall, thresholds = sk.precision_recall_curve(labels, scores)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
    return float(thresholds[int(np.argmax(f1[:-1]))])
