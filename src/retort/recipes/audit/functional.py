"""Which cases a model judges wrongly: all of them, by what they test, and by whom they name.

A case that should be positive and is not is missed; one that should not be and is, is flagged; either has failed.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from retort.data.suite import Booleans, Suite
from retort.data.suites import TEMPLATE
from retort.evaluation.case_shares import Difference, Integers, difference_of, share_of
from retort.evaluation.pairs import SIGNIFICANCE, holm
from retort.progress import StageProgress
from retort.recipes.audited import AuditedModel

POSITION = 10
OPTION = None

_NO_CASES = {
    "failed": "no case",
    "missed": "no case for which a positive verdict is right",
    "flagged": "no case for which a negative verdict is right",
}


def why_not(models: Sequence[AuditedModel], suite: Suite) -> str | None:
    """Never: every suite has cases."""
    return None


def run(models: Sequence[AuditedModel], suite: Suite, progress: StageProgress) -> dict[str, Any]:
    """`{"models": {NAME: {"overall", "functionalities", "groups", "attributes"}}, "pairs": [...]}`.

    An entry is `{"failed", "missed", "flagged"}`, each `{"cases", "failed", "share", "low", "high", "why"}` (share and
    limits null with a reason where there are no cases), and functionalities also say what is right, `"expected"`:
    positive, negative or both. attributes: of those that both suite and model have, over the cases with such a label.
    A pair compares two models on the same cases, for all three; p_holm is corrected over the pairs of one measure.
    """
    texts, labels, clusters = suite.texts, suite.labels, clusters_of(suite)
    failed = {model.name: model.flagged(texts, progress) != labels for model in models}
    members = {"functionalities": suite.functionalities(), "groups": suite.groups()}
    found = {}
    for model in models:
        wrong = failed[model.name]
        entries: dict[str, Any] = {"overall": _entry(wrong, labels, clusters, np.ones(len(suite), bool))}
        for name, of_name in members.items():
            entries[name] = {one: _entry(wrong, labels, clusters, cases) for one, cases in of_name.items()}
        for one, cases in members["functionalities"].items():
            entries["functionalities"][one]["expected"] = _expected(labels[cases])
        entries["attributes"] = _attributes(model, suite, clusters)
        found[model.name] = entries
    return {"models": found, "pairs": _pairs(failed, labels, clusters, members["functionalities"])}


def clusters_of(suite: Suite) -> Integers:
    """(n,) the same number for cases of one template within one functionality; a number of its own for any other."""
    templates = suite.frame[TEMPLATE].to_numpy(str)
    names = np.char.add(np.char.add(templates, "\n"), suite.frame["functionality"].to_numpy(str))
    _, codes = np.unique(names, return_inverse=True)
    alone = np.arange(len(suite)) + len(suite)
    return np.where(templates == "", alone, codes).astype(np.int64)


def _entry(failed: Booleans, labels: Booleans, clusters: Integers, cases: Booleans) -> dict[str, Any]:
    of_kind = {"failed": cases, "missed": cases & labels, "flagged": cases & ~labels}
    return {kind: share_entry(failed[chosen], clusters[chosen], _NO_CASES[kind]) for kind, chosen in of_kind.items()}


def share_entry(failed: Booleans, clusters: Integers, why: str) -> dict[str, Any]:
    """A share of failed cases for audit.json; without cases its number is null, `why` says so."""
    if not len(failed):
        return {"cases": 0, "failed": 0, "share": None, "low": None, "high": None, "why": why}
    found = share_of(failed, clusters)
    low, high = found.interval
    return {"cases": found.cases, "failed": found.failed, "share": found.share, "low": low, "high": high, "why": None}


def _expected(labels: Booleans) -> str:
    return "positive" if labels.all() else "both" if labels.any() else "negative"


def _attributes(model: AuditedModel, suite: Suite, clusters: Integers) -> dict[str, Any]:
    """Attribute -> entry, at the attribute's own threshold, over the cases that the suite labels for it."""
    probabilities, found = model.probabilities(suite.texts), {}
    for column, name in enumerate(model.classifier.attributes):
        if name in suite.attributes:
            values = suite.frame[name].to_numpy(np.float64)
            labels = values == 1
            failed = (probabilities[:, column] >= model.threshold_of(name)) != labels
            found[name] = _entry(failed, labels, clusters, ~np.isnan(values))
    return found


def _pairs(
    failed: Mapping[str, Booleans], labels: Booleans, clusters: Integers, functionalities: Mapping[str, Booleans]
) -> list[dict[str, Any]]:
    """A row for each pair of models and each measure, overall and (failed alone) for each functionality."""
    every = np.ones(len(labels), bool)
    chosen: dict[tuple[str, str | None], Booleans] = {
        ("failed", None): every,
        ("missed", None): labels,
        ("flagged", None): ~labels,
    }
    chosen |= {("failed", name): cases for name, cases in functionalities.items()}
    rows = [
        {"a": a, "b": b, "measure": measure, "functionality": name} | _difference(failed[a], failed[b], cases, clusters)
        for a, b in itertools.combinations(failed, 2)
        for (measure, name), cases in chosen.items()
        if cases.any()
    ]
    # The pairs of models are one family of tests for each measure; the functionalities of all pairs are another.
    overall = [row for row in rows if row["functionality"] is None]
    for measure in dict.fromkeys(row["measure"] for row in overall):
        corrected([row for row in overall if row["measure"] == measure])
    corrected([row for row in rows if row["functionality"] is not None])
    return rows


def _difference(a: Booleans, b: Booleans, cases: Booleans, clusters: Integers) -> dict[str, Any]:
    return paired_entry(difference_of(a[cases], b[cases], clusters[cases]))


def paired_entry(found: Difference) -> dict[str, Any]:
    """A paired difference for audit.json."""
    low, high = found.interval
    return {
        "cases": found.cases,
        "only_a": found.only_a,
        "only_b": found.only_b,
        "difference": found.difference,
        "low": low,
        "high": high,
        "p_value": found.p_value,
    }


def corrected(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of one family of tests with p_holm and, in `better`, who fails less where that is more than chance."""
    for row, p_holm in zip(rows, holm([row["p_value"] for row in rows]), strict=True):
        row["p_holm"] = p_holm
        apart = p_holm < SIGNIFICANCE and (row["low"] > 0 or row["high"] < 0)
        row["better"] = None if not apart else row["b"] if row["difference"] > 0 else row["a"]
    return rows
