"""Reads run and model folders of schema 1: what they do not record follows from the kind of arm that they name.

Schema 2 of retort.json records the task, the role of the arm and the loader of its files.
"""

from typing import Any

from retort.tasks import default_task

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
    """comparison.json with `task` and `terms`, and every arm with `role` and `loader`."""
    arms = comparison.get("arms")
    if isinstance(arms, dict):
        comparison = comparison | {"arms": {name: upgraded_facts(facts) for name, facts in arms.items()}}
    return {"task": default_task().as_dict(), "terms": _TERMS} | comparison


def _with_label_loss(row: dict[str, Any]) -> dict[str, Any]:
    """An epoch's row, with its train loss against labels under its present name."""
    return {"label_loss": (row.get("train_loss") or {}).get("hard")} | row
