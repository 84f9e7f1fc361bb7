"""One comment, read by every arm, as the page shows it: verdicts, bars, marked words. Pure but for the clock."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from retort.inference.explain import Highlight
from retort.inference.predictor import Answer, Verdict
from retort.web.errors import Refusal
from retort.web.service import Service

# How heavy a marked word looks, by its weight in log-odds: from 2 (seven times the odds) 3, from 1 (thrice) 2.
_LEVELS = ((2.0, 3), (1.0, 2))


@dataclass(frozen=True)
class Reading:
    """What one arm said of the comment, judged at `threshold`. milliseconds: of this reading, its wait included."""

    arm: str
    answer: Answer
    threshold: float
    milliseconds: float

    @property
    def probability(self) -> float:
        """Of the primary attribute, in [0, 1]."""
        return next(iter(self.answer.probabilities.values()))

    @property
    def primary(self) -> str:
        """The attribute that the verdict goes by."""
        return next(iter(self.answer.probabilities))

    @property
    def verdict(self) -> Verdict:
        """By the reading's own threshold; a comment that the model cannot read stays unsure at any."""
        return verdict_at(self.answer, self.threshold)


@dataclass(frozen=True)
class Row:
    """One line of the table of arms: a reading, or why there is none."""

    arm: str
    reading: Reading | None
    why: str = ""


@dataclass(frozen=True)
class Bar:
    """One attribute: its probability against its own threshold, both in [0, 1]."""

    attribute: str
    probability: float
    threshold: float

    @property
    def over(self) -> bool:
        return self.probability >= self.threshold


@dataclass(frozen=True)
class Piece:
    """A stretch of the comment. level: 0 for plain text, else 1 (light) to 3 (heavy); weight in log-odds."""

    text: str
    level: int = 0
    weight: float = 0.0


@dataclass(frozen=True)
class Judgement:
    """Everything that the page says of one comment. why_unmarked: why no words are marked, when none are."""

    reading: Reading
    own_threshold: float
    bars: tuple[Bar, ...]
    pieces: tuple[Piece, ...]
    rows: tuple[Row, ...]
    why_unmarked: str = ""

    @property
    def heaviest(self) -> list[Piece]:
        """The marked words, heaviest first, each spelling once; at most eight."""
        found: dict[str, Piece] = {}
        for piece in sorted(self.pieces, key=lambda piece: -piece.weight):
            if piece.level:
                found.setdefault(piece.text.casefold(), piece)
        return list(found.values())[:8]


def verdict_at(answer: Answer, threshold: float) -> Verdict:
    """The verdict of an answer, had its threshold been this one."""
    if answer.verdict == "unsure":
        return "unsure"
    return "toxic" if next(iter(answer.probabilities.values())) >= threshold else "non-toxic"


def judge(service: Service, text: str, arm: str, threshold: float | None) -> Judgement:
    """The comment as `arm` and then all others read it, within one request's deadline.

    threshold: chosen by the user for the primary attribute of all arms; None leaves each its own. Raises
    Refusal when the arm itself does not answer; of the others a row says why.
    """
    deadline = service.deadline()
    classifier = service.classifier(arm)
    reading = _read(service, text, arm, threshold, deadline)
    pieces, why_unmarked = _marked(service, text, arm, deadline)
    rows = [
        Row(arm, reading) if name == arm else _row(service, text, name, threshold, deadline) for name in service.arms
    ]
    own = classifier.thresholds[reading.primary]
    thresholds = classifier.thresholds | {reading.primary: reading.threshold}
    bars = (Bar(name, value, thresholds[name]) for name, value in reading.answer.probabilities.items())
    return Judgement(reading, own, tuple(bars), pieces, tuple(rows), why_unmarked)


def _read(service: Service, text: str, arm: str, threshold: float | None, deadline: float) -> Reading:
    began = time.perf_counter()
    (answer,) = service.read([text], arm, deadline)
    milliseconds = 1000 * (time.perf_counter() - began)
    return Reading(arm, answer, answer.threshold if threshold is None else threshold, milliseconds)


def _row(service: Service, text: str, arm: str, threshold: float | None, deadline: float) -> Row:
    if time.monotonic() > deadline:
        return Row(arm, None, "no time was left to ask it")
    try:
        service.classifier(arm)  # loaded first, so that the time is that of the reading
        return Row(arm, _read(service, text, arm, threshold, deadline))
    except Refusal as refusal:
        return Row(arm, None, refusal.message)


def _marked(service: Service, text: str, arm: str, deadline: float) -> tuple[tuple[Piece, ...], str]:
    try:
        found = service.highlights(text, arm, deadline)
    except Refusal as refusal:
        return (Piece(text),), f"Its words were not weighed: {refusal.message}."
    pieces = marked(text, found)
    none = "No single word stands out." if not any(piece.level for piece in pieces) else ""
    return pieces, none


def marked(text: str, highlights: Iterable[Highlight]) -> tuple[Piece, ...]:
    """The whole text cut into plain and highlighted pieces, in its order."""
    kept = _apart(sorted((h for h in highlights if h.weight > 0), key=lambda h: h.begin))
    pieces, position = [], 0
    for highlight in kept:
        pieces.append(Piece(text[position : highlight.begin]))
        level = next((level for least, level in _LEVELS if highlight.weight >= least), 1)
        pieces.append(Piece(text[highlight.begin : highlight.end], level, highlight.weight))
        position = highlight.end
    pieces.append(Piece(text[position:]))
    return tuple(piece for piece in pieces if piece.text)


def _apart(highlights: Sequence[Highlight]) -> list[Highlight]:
    kept: list[Highlight] = []
    for highlight in highlights:
        if not kept or highlight.begin >= kept[-1].end:
            kept.append(highlight)
    return kept
