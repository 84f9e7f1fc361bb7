"""Test comments as the page shows them: their scores beside the raters' share, their text masked until opened."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from retort.evaluation.metrics import Array
from retort.report.run_folder import Judged, Run

_LONGEST = 600
_LONGEST_MASK = 56


@dataclass(frozen=True)
class Example:
    """`verdict` is the word of the raters' label; `scores` are (name, share or probability); `mask` hides `text`."""

    id: str
    verdict: str
    text: str
    mask: str
    scores: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Group:
    """Examples under one heading."""

    title: str
    examples: tuple[Example, ...]


def example(run: Run, judged: Judged, index: int, scores: Mapping[str, Array]) -> Example:
    """The test comment at `index` of `judged`; `scores` are {name: probabilities (n,)}."""
    task = run.comparison.task
    text = readable((run.texts or {}).get(judged.ids[index], ""))
    bars = [("raters", float(judged.fractions[index])), *((name, float(p[index])) for name, p in scores.items())]
    verdict = task.adjective if judged.labels[index] else task.negative_adjective
    return Example(judged.ids[index], verdict, text, masked(text), tuple(bars))


def readable(text: str) -> str:
    """One line without control characters or direction overrides, which could disturb the page; cut at 600."""
    kept = "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in text)
    kept = "".join(c for c in kept if unicodedata.category(c) not in ("Cf", "Cs", "Co"))
    kept = " ".join(kept.split())
    return kept if len(kept) <= _LONGEST else kept[:_LONGEST].rstrip() + " …"


def masked(text: str) -> str:
    """A block for each letter, spaces kept, so that nothing can be read before the text is opened."""
    return " ".join("█" * len(word) for word in text.split())[:_LONGEST_MASK].rstrip()
