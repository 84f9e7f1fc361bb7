"""What the figures cannot show."""

from collections.abc import Iterator

from retort.evaluation.intervals import comments_for_half_width
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
        wanted = comments_for_half_width(rows, figure["low"], figure["high"], _MARGIN_WANTED)
        if wanted > rows:
            text += f". An interval of ± {_MARGIN_WANTED} takes about {display.rounded(wanted)} test comments"
    yield Observation("limit", f"Few {word} comments", f"{text}.")


def one_run(_: Comparison) -> Iterator[Observation]:
    """One seed."""
    yield Observation(
        "limit",
        "One run per model",
        "Each model was trained once, from one seed. The intervals cover the choice of test comments, not the chance "
        "in training: another seed may rank close models differently.",
    )


def many_pairs(comparison: Comparison) -> Iterator[Observation]:
    """False positives among many uncorrected comparisons."""
    pairs = comparison.pairs()
    if len(pairs) >= 10:
        yield Observation(
            "limit",
            "Many comparisons",
            f"{len(pairs)} pairs were compared on each metric, at 5 % each and without correction: if no pair differed "
            f"at all, up to about {max(1, round(0.05 * len(pairs)))} would still be called different by chance.",
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
