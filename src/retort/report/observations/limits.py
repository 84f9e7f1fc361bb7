"""What the figures cannot show."""

import math
from collections.abc import Iterator

from retort.evaluation.intervals import Z, comments_for_half_width
from retort.report import display
from retort.report.comparison import Comparison
from retort.report.observations.observation import Observation

# A split with fewer positives than this gives wide intervals whatever the model.
_FEW_POSITIVES = 50
_MARGIN_WANTED = 0.05


def few_positives(comparison: Comparison) -> Iterator[Observation]:
    """How little recall, F1 and average precision rest on."""
    counts, word = comparison.test_counts(), comparison.task.adjective
    if counts is None or counts[1] >= _FEW_POSITIVES:
        return
    rows, positives = counts
    text = (
        f"The test split has {display.counted(positives, f'{word} comment')} among {rows:,}. Recall, F1 and average "
        f"precision rest on {'that one' if positives == 1 else 'those'} alone"
    )
    networks = comparison.networks
    arms = [arm for arm in networks if comparison.figure(arm, "average_precision").get("low") is not None]
    if arms:
        arm = comparison.best(arms)
        figure = comparison.figure(arm, "average_precision")
        text += f": {arm}'s average precision is {comparison.written(arm, 'average_precision')}"
        # Further comments do not narrow what seeds contribute.
        parts = _deviations(comparison, arm)
        half = (figure["high"] - figure["low"]) / 2 if parts is None else Z * parts[1]
        wanted = comments_for_half_width(rows, -half, half, _MARGIN_WANTED)
        if wanted > rows:
            text += f". An interval of ± {_MARGIN_WANTED} takes about {display.rounded(wanted)} test comments"
            text += "" if parts is None else ", and enough seeds that the chance in training adds little"
    yield Observation("limit", f"Few {word} comments", f"{text}.")


def failed_seeds(comparison: Comparison) -> Iterator[Observation]:
    """Trainings without figures, by name."""
    failed = comparison.failed_seeds
    if failed:
        which = "; ".join(f"{training}: {why}" for training, why in failed.items())
        yield Observation(
            "warning",
            "A training failed" if len(failed) == 1 else "Trainings failed",
            f"{which}. The figures are of {display.counted(len(comparison.seeds), 'seed')}. `retort compare --extend` "
            "tries again.",
        )


def chance_in_training(comparison: Comparison) -> Iterator[Observation]:
    """What seeds change, against what the choice of test comments changes; with one seed, that it is not known."""
    if len(comparison.seeds) < 2:
        yield Observation(
            "limit",
            "One seed: no spread",
            "Each model was trained once. The intervals cover the choice of test comments, not the chance in training: "
            "another seed may rank close models differently.",
        )
        return
    parts = {arm: found for arm in comparison.networks if (found := _deviations(comparison, arm)) is not None}
    if not parts:
        return
    by_seed = sorted(parts, key=lambda arm: parts[arm][0])
    comments = sorted(found[1] for found in parts.values())
    low, high = (f"{display.number(parts[arm][0])} ({arm})" for arm in (by_seed[0], by_seed[-1]))
    between = f"of {low}" if len(parts) == 1 else f"from {low} to {high}"
    others = display.number(comments[0])
    others += f" to {display.number(comments[-1])}" if others != display.number(comments[-1]) else ""
    yield Observation(
        "finding",
        "What seeds change, and what comments change",
        f"From one training seed to another, average precision has a standard deviation {between}; from one choice of "
        f"test comments to another, as the intervals imply, one of about {others}. The standard deviations between "
        f"{len(comparison.seeds)} seeds are themselves rough.",
    )


def _deviations(comparison: Comparison, arm: str) -> tuple[float, float] | None:
    """(standard deviation between seeds, standard error from comments) of an arm's average precision.

    The interval is taken as ± 1.96 standard errors of the mean over S seeds, whose variance is that from comments plus
    spread² / S.
    """
    figure = comparison.figure(arm, "average_precision")
    low, high, spread = (figure.get(key) for key in ("low", "high", "spread"))
    if low is None or high is None or spread is None:
        return None
    variance = ((high - low) / (2 * Z)) ** 2 - spread**2 / len(comparison.seeds_of(arm))
    return spread, math.sqrt(max(variance, 0.0))


def many_pairs(comparison: Comparison) -> Iterator[Observation]:
    """Many comparisons: what Holm's correction guarantees, or what is missing without it."""
    pairs = comparison.pairs()
    if len(pairs) < 10:
        return
    text = f"{len(pairs)} pairs were compared on each metric"
    if any(row.get("p_holm") is not None for row in pairs):
        text += (
            ". “Better” is said after Holm's correction over them: if no pair differed at all, the chance that any "
            "would be called better is at most 5 %. Intervals are 95 % each, without correction."
        )
    else:
        text += (
            f", at 5 % each and without correction: if no pair differed at all, up to about "
            f"{max(1, round(0.05 * len(pairs)))} would still be called different by chance."
        )
    yield Observation("limit", "Many comparisons", text)


def untuned_thresholds(comparison: Comparison) -> Iterator[Observation]:
    """Models whose threshold was not chosen as asked, with the reason."""
    reasons: dict[str, list[str]] = {}
    for arm in comparison.models:
        choice = (comparison.arms[arm].get("threshold_choices") or {}).get(comparison.primary) or {}
        if choice.get("why"):
            reasons.setdefault(str(choice["why"]), []).append(arm)
    for why, arms in reasons.items():
        yield Observation("limit", "A threshold that is not as asked", f"{display.listed(arms)}: {why}.")


def former_version(comparison: Comparison) -> Iterator[Observation]:
    """What the run folder of an earlier version does not have."""
    if comparison.former:
        yield Observation(
            "limit",
            "Made by an earlier version",
            "Not measured in this run: spread over seeds, figures on validation, calibration, tuned thresholds, what "
            "people's review gives, Holm's correction, what a difference as large as a margin would take, and costs "
            "that are each arm's own. Its ties were judged with the margin in experiment.toml.",
        )


def labels(comparison: Comparison) -> Iterator[Observation]:
    """What a positive label means, and what it rests on."""
    task, threshold = comparison.task, comparison.content["label_threshold"]
    yield Observation(
        "limit",
        "What a label is",
        f"A comment counts as {task.adjective} from a rating of {display.percent(threshold, 0)}, the share of raters "
        f"who said so. “{task.words['positive']}” means: {task.meaning} Raters disagree, and a model learns their "
        "habits with their judgement. Latency and memory were measured on one machine; expect the ratios to hold "
        "better than the figures.",
    )


def sample(comparison: Comparison) -> Iterator[Observation]:
    """The embedded sample is not natural data."""
    if (comparison.content.get("data") or {}).get("source") == "sample":
        yield Observation(
            "limit",
            "Written for practice",
            "The embedded sample was written for this program. It is not natural data: its figures show that the "
            "comparison works, and do not carry over to other comments.",
        )
