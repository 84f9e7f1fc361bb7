"""What happened to the data on its way into the splits."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from retort.report import display
from retort.report.comparison import Comparison
from retort.report.observations.observation import Observation


def left_out(comparison: Comparison) -> Iterator[Observation]:
    """Rows that could not be used, by reason."""
    dropped = Counter[str]()
    for reasons in (_data(comparison).get("dropped") or {}).values():
        dropped.update({reason: int(found["count"]) for reason, found in reasons.items()})
    counts = [f"{reason}: {count:,}" for reason, count in dropped.items() if count]
    if counts:
        yield Observation("difficulty", "Rows left out", f"Rows that could not be used: {display.listed(counts)}.")


def duplicates(comparison: Comparison) -> Iterator[Observation]:
    """Comments with one text."""
    total = sum((_data(comparison).get("duplicates") or {}).values())
    if total:
        yield Observation(
            "difficulty",
            "Duplicates",
            f"{display.counted(total, 'comment')} with the text of another {'was' if total == 1 else 'were'} dropped "
            "before splitting, so that no text is in two splits.",
        )


def notes(comparison: Comparison) -> Iterator[Observation]:
    """The notes of the run."""
    for note in comparison.content.get("notes") or []:
        yield Observation("difficulty", "Note", str(note))


def _data(comparison: Comparison) -> Mapping[str, Any]:
    return comparison.content.get("data") or {}
