"""`attributeScores` of a request: which attributes, in which language, on which scale."""

import re
from bisect import bisect_left
from collections.abc import Callable
from typing import Any

from retort.evaluation.score_mapping import ScoreMapping
from retort.web.perspective.languages import is_english
from retort.web.perspective.messages import PROBABILITY
from retort.web.perspective.requests import AnalyzeRequest, refused, unknown_attribute
from retort.web.perspective.sentences import sentences
from retort.web.server.service import Service

Span = tuple[int, int]
Probabilities = dict[str, float]

_LANGUAGE = re.compile(r"[A-Za-z0-9_-]{1,35}")


def known_attributes(service: Service, parsed: AnalyzeRequest) -> dict[str, str]:
    """Perspective's name -> the label, of the requested attributes. Raises Refusal for one that the model lacks."""
    rated = service.classifier().attributes
    has = {perspective: label for label, perspective in service.task.perspective_names.items() if label in rated}
    known = {name: has[name] for name in parsed.attributes if name in has}
    missing = next((name for name in parsed.attributes if name not in has), None)
    if missing is not None and not parsed.drop_unsupported:
        raise unknown_attribute(missing)
    return known


def in_english(parsed: AnalyzeRequest, known: dict[str, str], detected: str) -> tuple[list[str], dict[str, str]]:
    """(languages of the answer, attributes that can be scored): none for a comment that is not in English.

    Raises Refusal instead, unless the client asked for such attributes to be dropped.
    """
    given = bool(parsed.languages)
    language = parsed.languages[0] if given else detected
    effective = list(parsed.languages) if given else [detected]
    if is_english(language):
        return effective, known
    if parsed.drop_unsupported:
        return effective, {}
    attribute = next(iter(known))
    code = language if _LANGUAGE.fullmatch(language) else "und"
    detail = {"requestedLanguages" if given else "detectedLanguages": [code], "attribute": attribute}
    raise refused(
        f"Attribute {attribute} does not support request languages: {code}",
        "LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE",
        languageNotSupportedByAttributeError=detail,
    )


def scale_of(mapping: ScoreMapping | None, wanted: bool) -> Callable[[Probabilities], Probabilities]:
    """A model's probabilities -> those of the answer. Raises Refusal when there is no mapping to apply."""
    if not wanted:
        return lambda probabilities: probabilities
    if mapping is None:
        raise refused("This model is not calibrated: leave calibrated out, or run retort calibrate on the server.")
    return mapping.apply


def scores(
    service: Service,
    parsed: AnalyzeRequest,
    known: dict[str, str],
    scale: Callable[[Probabilities], Probabilities],
    *,
    utf16: bool,
) -> dict[str, Any]:
    """`attributeScores`, without attributes that are below their threshold."""
    whole = (0, len(parsed.text))
    spans = sentences(parsed.text) if parsed.spans else [whole]
    parts = [parsed.text[begin:end] for begin, end in spans if (begin, end) != whole]
    answers = service.read([parsed.text, *parts], deadline=service.deadline())
    summary, *of_parts = [scale(answer.probabilities) for answer in answers]
    of_spans = of_parts or [summary]
    places = [_in_utf16(parsed.text, span) for span in spans] if utf16 else spans
    return {
        name: {
            "spanScores": [
                {"begin": begin, "end": end, "score": _score(one[known[name]])}
                for (begin, end), one in zip(places, of_spans, strict=True)
            ],
            "summaryScore": _score(summary[known[name]]),
        }
        for name, threshold in parsed.attributes.items()
        if name in known and (threshold is None or summary[known[name]] >= threshold)
    }


def _score(value: float) -> dict[str, Any]:
    return {"value": value, "type": PROBABILITY}


def _in_utf16(text: str, span: Span) -> Span:
    twos = [index for index, character in enumerate(text) if ord(character) > 0xFFFF]
    begin, end = (place + bisect_left(twos, place) for place in span)
    return begin, end
