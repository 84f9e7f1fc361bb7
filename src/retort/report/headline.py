"""The head of the report: which model to ship, the few numbers to remember, warnings and settings."""

from collections.abc import Iterator
from dataclasses import dataclass

from retort.report import display, limits
from retort.report.choice import Choice, choose
from retort.report.comparison import Comparison
from retort.report.observations import Observation, observe


@dataclass(frozen=True)
class Tile:
    """One number in large type, what it is, and a remark in small type."""

    figure: str
    title: str
    remark: str


@dataclass(frozen=True)
class Headline:
    """`settings` are (name, value) pairs."""

    choice: Choice
    tiles: list[Tile]
    warnings: list[Observation]
    settings: list[tuple[str, str]]


def headline(comparison: Comparison) -> Headline:
    """Everything above the first section."""
    warnings = [observation for observation in observe(comparison) if observation.category == "warning"]
    return Headline(choose(comparison), list(_tiles(comparison)), warnings, list(_settings(comparison)))


def _tiles(comparison: Comparison) -> Iterator[Tile]:
    counts, majority = comparison.test_counts(), comparison.majority_share("test")
    if counts is not None:
        rows, positives = counts
        share = display.percent(positives / rows if rows else None)
        yield Tile(display.whole(rows), "test comments", f"{positives:,} {comparison.task.adjective} ({share})")
    if majority is not None:
        yield Tile(display.number(majority), "accuracy for free", "by always giving the larger class")
    ranked = [arm for arm in comparison.networks if comparison.value(arm, "average_precision") is not None]
    if ranked:
        best = comparison.best(ranked)
        figure = comparison.figure(best, "average_precision")
        interval = display.between(figure.get("low"), figure.get("high"))
        remark = f"{best}; {interval}" if interval else best
        yield Tile(display.number(figure["value"]), "highest average precision", remark)
    timed = {arm: latency for arm in comparison.networks if (latency := comparison.latency(arm)) is not None}
    if timed:
        fastest = min(timed, key=timed.__getitem__)
        yield Tile(display.milliseconds(timed[fastest]), "fastest network", f"{fastest}; one comment, median")


def _settings(comparison: Comparison) -> Iterator[tuple[str, str]]:
    content, task = comparison.content, comparison.task
    yield "preset", str(content.get("preset", display.NOTHING))
    if source := display.source(content):
        yield "comments from", source
    seeds = [str(seed) for seed in comparison.seeds]
    yield ("seeds" if len(seeds) > 1 else "seed"), ", ".join(seeds) or display.NOTHING
    if comparison.margin is not None:
        yield "margin", f"{comparison.margin:g} average precision"
    if comparison.limits:
        yield "limits", display.listed(limits.written(comparison.limits))
    yield f"{task.adjective} from a rating of", display.percent(content["label_threshold"], 0)
    yield "labels", ", ".join(task.title(name) for name in comparison.labels)
