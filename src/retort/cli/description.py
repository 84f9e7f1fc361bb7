"""The description of a data file in plain lines."""

from collections.abc import Iterator
from typing import Any

from retort.tasks import Task


def description_lines(found: dict[str, Any], task: Task) -> Iterator[str]:
    """`describe`'s result for people."""
    words = found["words"]
    yield (
        f"words: {words['least']} to {words['most']}, median {words['median']:.0f}, "
        f"95 % have at most {words['p95']:.0f}"
    )
    yield f"duplicates: {found['duplicates']:,}; changed by normalising: {found['changed_by_normalising']:,}"
    yield ""
    width = max(map(len, ["attribute", *found["attributes"]])) + 1
    yield f"{'attribute':<{width}} {'rated':>10} {'>= ' + str(found['label_threshold']):>10} {'share':>8}"
    for name, rated in found["attributes"].items():
        share = "–" if rated["share"] is None else f"{rated['share']:.1%}"
        yield f"{name:<{width}} {rated['rated']:>10,} {rated['positive']:>10,} {share:>8}"
    mentioned = {name: counts["mentioned"] for name, counts in found["identities"].items()}
    if mentioned:
        yield ""
        yield f"identities mentioned: {_counts(mentioned)}"
    if found["official_splits"]:
        yield ""
        yield f"official splits: {_counts(found['official_splits'])}"
    if found["expected"]:
        yield ""
        yield from _expected_lines(found["expected"], task)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _expected_lines(expected: dict[str, Any], task: Task) -> Iterator[str]:
    rows, positives, width = expected["rows"], expected["positives"], expected["half_width"]
    shares = "/".join(f"{share:.0%}".removesuffix("%") for share in expected["shares"].values())
    yield (
        f"split {shares}, the test part has {rows['test']:,} comments, "
        f"about {positives['test']:.0f} of them {task.adjective}."
    )
    yield f'  "never {task.adjective}" would have an accuracy of {expected["all_negative_accuracy"]:.1%} there.'
    if width["accuracy"] is not None:
        yield f"  An accuracy would be known to about ± {width['accuracy']:.1%} (95 % interval)."
    if width["recall"] is not None:
        yield f"  A recall of one half would be known to about ± {width['recall']:.1%}."
