"""Disguised words: how much of what a model catches gets through, and what it flags only because of a disguise.

The words that the first model's score hangs on most (see `decisive_words`) are disguised, the same for every model.
Each model is measured as it is and with the text normaliser left out of its reading, which shows what that undoes.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from retort.attacks import ATTACKS, attacked
from retort.data.suite import Booleans, Suite
from retort.evaluation.case_shares import Difference, Integers
from retort.evaluation.robustness import false_alarms_gained, recall_lost
from retort.inference.reading import Normalising
from retort.progress import StageProgress
from retort.recipes.audit.functional import clusters_of, share_entry
from retort.recipes.audited import AuditedModel
from retort.recipes.decisive_words import decisive_words

POSITION = 30
OPTION = "attack"

# Of what is drawn within a disguise: the same rows give the same texts.
_SEED = 0


def why_not(models: Sequence[AuditedModel], suite: Suite) -> str | None:
    """Never: every suite has texts to disguise."""
    return None


def run(models: Sequence[AuditedModel], suite: Suite, progress: StageProgress) -> dict[str, Any]:
    """`{"rows", "positives", "seed", "words_by", "attacks": {ATTACK: {"description", "control", "changed"}}, "models":
    {NAME: {"with_normaliser": {...}, "without_normaliser": {...} or None}}}`.

    words_by: the model that the words were chosen with. changed: rows that the attack changes. Of a model:
    `missed` and `flagged`, entries as in `functional` for the rows as they were, and `attacks` {ATTACK:
    {"recall_lost", "false_alarms_gained"}}, each `{"cases", "worse", "better", "share", "low", "high", "p_value",
    "why"}` with the paired difference in `share` (null with a reason where there are no such rows). Without the
    normaliser: None for a model that cannot be read so.
    """
    texts, labels = suite.texts, suite.labels
    words = decisive_words(texts, labels, functools.partial(models[0].scores, progress=progress))
    disguised = {
        name: [attacked(text, own, attack, _SEED) for text, own in zip(texts, words, strict=True)]
        for name, attack in ATTACKS.items()
    }
    clusters = clusters_of(suite)
    found = {}
    for model in models:
        bare = without_normaliser(model)
        found[model.name] = {
            "with_normaliser": _of_model(model, texts, disguised, labels, clusters, progress),
            "without_normaliser": bare and _of_model(bare, texts, disguised, labels, clusters, progress),
        }
    return {
        "rows": len(suite),
        "positives": int(labels.sum()),
        "seed": _SEED,
        "words_by": models[0].name,
        "attacks": {
            name: {
                "description": attack.description,
                "control": attack.control,
                "changed": sum(new != old for new, old in zip(disguised[name], texts, strict=True)),
            }
            for name, attack in ATTACKS.items()
        },
        "models": found,
    }


def without_normaliser(model: AuditedModel) -> AuditedModel | None:
    """The model, its texts read as they are, with scores of its own; None where its reading cannot be changed."""
    inner: object = model.classifier.model
    if not isinstance(inner, Normalising):
        return None
    classifier = replace(model.classifier, model=inner.unnormalised())
    return AuditedModel(f"{model.name} without normaliser", model.folder, classifier, model.role)


def _of_model(
    model: AuditedModel,
    texts: Sequence[str],
    disguised: Mapping[str, Sequence[str]],
    labels: Booleans,
    clusters: Integers,
    progress: StageProgress,
) -> dict[str, Any]:
    # All at once, so that progress runs through once.
    model.scores([*texts, *(text for own in disguised.values() for text in own)], progress)
    before = model.flagged(texts)
    missed, flagged = labels & ~before, before & ~labels
    attacks = {}
    for name, own in disguised.items():
        after = model.flagged(own)
        attacks[name] = {
            "recall_lost": _entry(recall_lost(labels, before, after, clusters), "no positive row"),
            "false_alarms_gained": _entry(false_alarms_gained(labels, before, after, clusters), "no negative row"),
        }
    return {
        "missed": share_entry(missed[labels], clusters[labels], "no positive row"),
        "flagged": share_entry(flagged[~labels], clusters[~labels], "no negative row"),
        "attacks": attacks,
    }


def _entry(found: Difference | None, why: str) -> dict[str, Any]:
    """worse: rows that the disguise makes wrong. better: rows that it makes right."""
    if found is None:
        return {"cases": 0, "worse": 0, "better": 0} | dict.fromkeys(("share", "low", "high", "p_value")) | {"why": why}
    low, high = found.interval
    return {
        "cases": found.cases,
        "worse": found.only_a,
        "better": found.only_b,
        "share": found.difference,
        "low": low,
        "high": high,
        "p_value": found.p_value,
        "why": None,
    }
