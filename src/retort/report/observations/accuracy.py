"""What accuracy is worth on this test split, and models that never answer positive."""

from collections.abc import Iterator

from retort.report import display
from retort.report.comparison import Comparison
from retort.report.observations.observation import Observation


def worth_of_accuracy(comparison: Comparison) -> Iterator[Observation]:
    """Accuracy against that of always giving the larger class."""
    majority, counts, networks = comparison.majority_share("test"), comparison.test_counts(), comparison.networks
    if majority is None or counts is None or not networks:
        return
    rows = counts[0]
    equal = [arm for arm in networks if _is_free(comparison, arm, majority, rows)]
    yield _equal(comparison, equal, majority) if equal else _above(comparison, majority)


def _is_free(comparison: Comparison, arm: str, majority: float, rows: int) -> bool:
    """Whether an arm gives as many right verdicts as the larger class would, with every seed."""
    values = comparison.figure(arm, "accuracy").get("seeds") or []
    return bool(values) and all(value is not None and round((value - majority) * rows) == 0 for value in values)


def _equal(comparison: Comparison, equal: list[str], majority: float) -> Observation:
    everyone = len(equal) == len(comparison.networks)
    who = "Every model" if everyone else display.listed(equal)
    has = "has" if everyone or len(equal) == 1 else "have"
    recalls = {display.number(comparison.value(arm, "recall")) for arm in equal}
    recall = f" Recall of {'each' if len(equal) > 1 else 'it'}: {recalls.pop()}." if len(recalls) == 1 else ""
    return Observation(
        "warning",
        "Accuracy equals the majority share",
        f"{who} {has} a test accuracy of {display.number(comparison.value(equal[0], 'accuracy'))}. "
        f"{_free(comparison, majority)}. Such an accuracy is free, and shows nothing about finding "
        f"{comparison.task.adjective} comments.{recall} Judge by average precision, recall and F1.",
    )


def _above(comparison: Comparison, majority: float) -> Observation:
    networks, constant = comparison.networks, comparison.constant
    shown = [arm for arm in networks if constant and comparison.better(arm, constant, "accuracy")]
    best = max(networks, key=lambda arm: comparison.value(arm, "accuracy") or 0)
    tail = (
        f"Shown to be above it: {display.listed(shown)}."
        if shown
        else "No model is shown to be above it: by accuracy alone this test split cannot tell any from the baseline."
    )
    return Observation(
        "finding" if shown else "warning",
        "What accuracy is worth here",
        f"{_free(comparison, majority)}. Read the highest accuracy, {comparison.written(best, 'accuracy')} of {best}, "
        f"against that. {tail}",
    )


def _free(comparison: Comparison, majority: float) -> str:
    """`3 of 75 test comments are …, so answering “…” to everything is right 72 times: 0.960`."""
    rows, positives = comparison.test_counts() or (0, 0)
    task = comparison.task
    answer = task.negative_adjective if positives <= rows / 2 else task.adjective
    return (
        f"{positives:,} of {display.counted(rows, 'test comment')} {'is' if positives == 1 else 'are'} "
        f"{task.adjective}, so answering “{answer}” to everything is right {max(positives, rows - positives):,} times: "
        f"{display.number(majority)}"
    )


def never_positive(comparison: Comparison) -> Iterator[Observation]:
    """Models without a positive verdict on the test split."""
    silent = [
        arm
        for arm in comparison.networks
        if comparison.figure(arm, "precision") and comparison.value(arm, "precision") is None
    ]
    if silent:
        title = "Models that never answer" if len(silent) > 1 else "A model that never answers"
        yield Observation(
            "warning",
            f"{title} “{comparison.task.adjective}”",
            f"{display.listed(silent)} gave no test comment a probability at or above the decision threshold, so "
            "precision does not exist and F1 is 0. Average precision and ROC-AUC, which need no threshold, may still "
            "show that something was learned." + _thresholds(comparison, silent),
        )


def _thresholds(comparison: Comparison, arms: list[str]) -> str:
    """Why no better threshold was chosen, where that is recorded."""
    choices = {arm: (comparison.arms[arm].get("threshold_choices") or {}).get(comparison.primary) for arm in arms}
    reasons = dict.fromkeys(str(choice["why"]) for choice in choices.values() if choice and choice.get("why"))
    return f" About the threshold: {'; '.join(reasons)}." if reasons else ""
