"""Reads run and model folders of former schemas: what they do not record follows from what they do, or is not measured.

Schema 2 of retort.json and comparison.json records the task, the role of the arm and the loader of its files.
Schema 3 of comparison.json records every training seed, figures on validation, thresholds by arm, verdicts with a
margin, and costs that are the arm's own.
"""

from collections.abc import Mapping
from typing import Any

from retort.tasks import default_task

# The schema of comparison.json that this program writes.
COMPARISON_SCHEMA = 3

NOT_MEASURED = "not measured"

# Kind of arm -> (its role in a comparison, what loads its files).
_FACTS: dict[str, tuple[str, str | None]] = {
    "majority": ("baseline", None),
    "tfidf": ("baseline", "tfidf"),
    "teacher": ("teacher", "transformers"),
    "student": ("student", "transformers"),
    "lora": ("adapter", "peft"),
    "foreign": ("foreign", "transformers"),
}

# Built-in arms whose name said more than they are: they start from the fine-tuned teacher's layers.
RENAMED_ARMS = {"odd-alone": "odd-labels", "even-alone": "even-labels"}

# The terms of the loss that runs of schema 1 recorded, besides the loss against labels.
_TERMS = {"soft": {"title": "soft term (KL from the teacher)"}, "hidden": {"title": "hidden term (1 − cosine)"}}

# Verdict of a pair before schema 3 -> its verdict, and which of the two it favours.
_VERDICTS = {"a": ("better", "a"), "b": ("better", "b"), "tie": ("equivalent", None)}


def upgraded_facts(facts: dict[str, Any]) -> dict[str, Any]:
    """An arm's facts (retort.json, or its entry in comparison.json) with `role`, `loader` and the label loss."""
    if "role" in facts:
        return facts
    if facts.get("history"):
        facts = facts | {"history": [_with_label_loss(row) for row in facts["history"]]}
    role, loader = _FACTS.get(str(facts.get("kind")), ("student", "transformers"))
    return facts | {"role": role, "loader": "onnx" if "format" in facts else loader}


def upgraded_about(about: dict[str, Any]) -> dict[str, Any]:
    """A model folder's retort.json with `task`, `role` and `loader`."""
    return {"task": default_task().as_dict()} | upgraded_facts(about)


def upgraded_comparison(comparison: dict[str, Any]) -> dict[str, Any]:
    """comparison.json with all that schema 3 has; `schema` stays the file's own, so that readers can tell.

    What a former run did not measure is null or empty, never a stand-in.
    """
    arms = comparison.get("arms")
    if isinstance(arms, dict):
        comparison = comparison | {"arms": {name: upgraded_facts(facts) for name, facts in arms.items()}}
    whole: dict[str, Any] = {"schema": 1, "task": default_task().as_dict(), "terms": _TERMS} | comparison
    return whole if whole["schema"] >= COMPARISON_SCHEMA else _of_one_seed(whole)


def _of_one_seed(comparison: dict[str, Any]) -> dict[str, Any]:
    return comparison | {
        "seeds": [] if comparison.get("seed") is None else [comparison["seed"]],
        "failed_seeds": {},
        "margin": None,
        "limits": {},
        "arms": {name: _arm(facts, comparison) for name, facts in comparison.get("arms", {}).items()},
        "pairs": [_pair(row) for row in comparison.get("pairs", [])],
    }


def _arm(facts: Mapping[str, Any], comparison: Mapping[str, Any]) -> dict[str, Any]:
    cost = dict(facts.get("cost") or {})
    # The peak of the whole process, with the models of earlier arms in it, is not what the arm needed.
    cost.pop("peak_train_memory_bytes", None)
    once = {
        "seed": comparison.get("seed"),
        "best_epoch": facts.get("best_epoch"),
        "train_seconds": cost.get("train_seconds"),
        "history": facts.get("history") or [],
    }
    return dict(facts) | {
        "training": [once],
        "thresholds": _thresholds(comparison),
        "threshold_choices": {},
        "calibration": {},
        "review": {},
        "validation": {},
        "excluded": None,
        "test": {
            label: {metric: _figure(figure) for metric, figure in figures.items()}
            for label, figures in (facts.get("test") or {}).items()
        },
        "cost": cost,
    }


def _thresholds(comparison: Mapping[str, Any]) -> dict[str, list[float]]:
    """One threshold was for all arms, and for all labels or for each."""
    threshold = comparison.get("decision_threshold")
    if threshold is None:
        return {}
    by_label = threshold if isinstance(threshold, Mapping) else dict.fromkeys(comparison["attributes"], threshold)
    return {label: [float(value)] for label, value in by_label.items()}


def _figure(figure: Mapping[str, Any]) -> dict[str, Any]:
    return dict(figure) | {"seeds": [figure.get("value")], "spread": None}


def _pair(row: Mapping[str, Any]) -> dict[str, Any]:
    verdict, favours = _VERDICTS.get(row["verdict"], ("cannot tell", None))
    return (
        {"why": NOT_MEASURED}
        | dict(row)
        | {
            "verdict": verdict,
            "favours": favours,
            "p_holm": None,
            "margin": None,
            "seeds": [row.get("difference")],
            "spread": None,
            # What was recorded was the number that shows the observed difference, which only repeats the p value.
            "comments_needed": None,
            "seeds_needed": None,
        }
    )


def _with_label_loss(row: dict[str, Any]) -> dict[str, Any]:
    """An epoch's row, with its train loss against labels under its present name."""
    return {"label_loss": (row.get("train_loss") or {}).get("hard")} | row
