"""One comment, read by every model, as the page shows it: verdicts, bars, marked words."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from retort.inference.explain import Highlight
from retort.inference.predictor import Answer
from retort.tasks import Outcome
from retort.web.server.errors import Refusal
from retort.web.server.service import Service

# (least weight in log-odds, level of the mark); 2 is seven times the odds, 1 nearly three times. Others are level 1.
_LEVELS = ((2.0, 3), (1.0, 2))


@dataclass(frozen=True)
class Reading:
    """One model's answer, judged at `threshold`. milliseconds: to answer, including the wait for a worker."""

    model: str
    answer: Answer
    threshold: float
    milliseconds: float

    @property
    def probability(self) -> float:
        """Of the primary label, in [0, 1]."""
        return primary_probability(self.answer)

    @property
    def primary(self) -> str:
        """The label that decides the verdict."""
        return next(iter(self.answer.probabilities))

    @property
    def verdict(self) -> Outcome:
        """At this reading's threshold; unsure at any, when the model cannot read the comment."""
        return verdict_at(self.answer, self.threshold)


@dataclass(frozen=True)
class Row:
    """One row of the table of models: a reading, or why there is none."""

    model: str
    reading: Reading | None
    why: str = ""


@dataclass(frozen=True)
class Bar:
    """One label: its probability and its threshold, both in [0, 1]."""

    label: str
    probability: float
    threshold: float

    @property
    def over(self) -> bool:
        """Whether the probability reaches the threshold."""
        return self.probability >= self.threshold


@dataclass(frozen=True)
class Piece:
    """A part of the comment. level: 0 for plain text, else 1 (light) to 3 (heavy); weight in log-odds."""

    text: str
    level: int = 0
    weight: float = 0.0


@dataclass(frozen=True)
class Judgement:
    """All that the page shows about one comment. why_unmarked: why no words are marked, when none are."""

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


def primary_probability(answer: Answer) -> float:
    """Of the primary label, in [0, 1]."""
    return next(iter(answer.probabilities.values()))


def verdict_at(answer: Answer, threshold: float) -> Outcome:
    """The verdict of an answer at another threshold."""
    if answer.outcome == "unsure":
        return "unsure"
    return "positive" if primary_probability(answer) >= threshold else "negative"


def judge(service: Service, text: str, model: str, threshold: float | None) -> Judgement:
    """The comment as read by `model` and then by all others, within one request's deadline.

    threshold: chosen by the user for the primary label of all models; None for that of each model. Raises
    Refusal when `model` does not answer; another model that does not is a row with the reason.
    """
    deadline = service.deadline()
    classifier = service.classifier(model)
    reading = _read(service, text, model, threshold, deadline)
    pieces, why_unmarked = _marked(service, text, model, deadline)
    rows = [
        Row(model, reading) if name == model else _row(service, text, name, threshold, deadline)
        for name in service.models
    ]
    own = classifier.thresholds[reading.primary]
    thresholds = classifier.thresholds | {reading.primary: reading.threshold}
    bars = (Bar(name, value, thresholds[name]) for name, value in reading.answer.probabilities.items())
    return Judgement(reading, own, tuple(bars), pieces, tuple(rows), why_unmarked)


def _read(service: Service, text: str, model: str, threshold: float | None, deadline: float) -> Reading:
    began = time.perf_counter()
    (answer,) = service.read([text], model, deadline)
    milliseconds = 1000 * (time.perf_counter() - began)
    return Reading(model, answer, answer.threshold if threshold is None else threshold, milliseconds)


def _row(service: Service, text: str, model: str, threshold: float | None, deadline: float) -> Row:
    if time.monotonic() > deadline:
        return Row(model, None, "no time was left for this model")
    try:
        service.classifier(model)  # loaded first, so that the time is only that of reading
        return Row(model, _read(service, text, model, threshold, deadline))
    except Refusal as refusal:
        return Row(model, None, refusal.message)


def _marked(service: Service, text: str, model: str, deadline: float) -> tuple[tuple[Piece, ...], str]:
    try:
        found = service.highlights(text, model, deadline)
    except Refusal as refusal:
        return (Piece(text),), f"Words are not weighed: {refusal.message}."
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
