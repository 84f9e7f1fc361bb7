"""The description of a data file in plain lines."""

from collections.abc import Iterator
from typing import Any


def description_lines(found: dict[str, Any]) -> Iterator[str]:
    """What `retort data` prints of `describe`'s answer."""
    words = found["words"]
    yield (
        f"words: {words['least']} to {words['most']}, median {words['median']:.0f}, "
        f"95 % have at most {words['p95']:.0f}"
    )
    yield f"duplicates: {found['duplicates']:,}; changed by normalising: {found['changed_by_normalising']:,}"
    yield ""
    yield f"{'attribute':<16} {'rated':>10} {'>= ' + str(found['label_threshold']):>10} {'share':>8}"
    for name, rated in found["attributes"].items():
        share = "–" if rated["share"] is None else f"{rated['share']:.1%}"
        yield f"{name:<16} {rated['rated']:>10,} {rated['positive']:>10,} {share:>8}"
    mentioned = {name: counts["mentioned"] for name, counts in found["identities"].items()}
    if mentioned:
        yield ""
        yield "identities mentioned: " + ", ".join(f"{name} {count:,}" for name, count in mentioned.items())
    if found["official_splits"]:
        yield ""
        yield "official splits: " + ", ".join(f"{name} {count:,}" for name, count in found["official_splits"].items())
    if found["expected"]:
        yield ""
        yield from _expected_lines(found["expected"])


def _expected_lines(expected: dict[str, Any]) -> Iterator[str]:
    rows, positives, width = expected["rows"], expected["positives"], expected["half_width"]
    yield (f"split 70/15/15, the test part has {rows['test']:,} comments, about {positives['test']:.0f} of them toxic.")
    yield f'  "never toxic" would have an accuracy of {expected["never_toxic_accuracy"]:.1%} there.'
    if width["accuracy"] is not None:
        yield f"  An accuracy would be known to about ± {width['accuracy']:.1%} (95 % interval)."
    if width["recall"] is not None:
        yield f"  A recall of one half would be known to about ± {width['recall']:.1%}."
