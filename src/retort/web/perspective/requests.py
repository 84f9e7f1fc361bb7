"""Requests to Perspective's two methods: messages of the right form, checked for their content."""

from dataclasses import dataclass
from typing import Any

from retort.text import is_blank, normalised_text
from retort.web.perspective.messages import (
    ANALYZE,
    HTML,
    PACKAGE,
    PROBABILITY,
    SUGGEST,
    UNSPECIFIED_SCORE,
    quoted_name,
    read_message,
)
from retort.web.server.errors import Refusal

MAX_BYTES = 20_480


@dataclass(frozen=True)
class AnalyzeRequest:
    """A comment to score. attributes: Perspective's name -> threshold below which it is left out, or None.

    normalised: the text with its disguises undone. languages: as the client named them; empty when it did not.
    """

    text: str
    normalised: str
    attributes: dict[str, float | None]
    languages: tuple[str, ...]
    spans: bool
    drop_unsupported: bool
    client_token: str | None


@dataclass(frozen=True)
class Suggestion:
    """A score suggested by a client: of the whole comment, or of its part [begin, end)."""

    attribute: str
    value: float
    begin: int | None = None
    end: int | None = None


@dataclass(frozen=True)
class SuggestRequest:
    """Scores suggested for a comment, and the client's names for community, session and request."""

    text: str
    suggestions: tuple[Suggestion, ...]
    languages: tuple[str, ...]
    community_id: str | None
    session_id: str | None
    client_token: str | None
    do_not_store: bool


def analyze_request(document: Any) -> AnalyzeRequest:
    """The request in a message. Raises Refusal 400, in Perspective's words, for one that no model can answer."""
    message = read_message(ANALYZE, document)
    text, normalised = _comment(message)
    _require_one_context(message)
    requested: dict[str, dict[str, Any]] = message.get("requestedAttributes", {})
    if not requested:
        raise refused("Missing requested_attributes", "NO_REQUESTED_ATTRIBUTES")
    for name, parameters in requested.items():
        _require_probability(parameters.get("scoreType", PROBABILITY), name)
    return AnalyzeRequest(
        text,
        normalised,
        {name: parameters.get("scoreThreshold") for name, parameters in requested.items()},
        tuple(message.get("languages", ())),
        message.get("spanAnnotations", False),
        message.get("dropUnsupportedAttributes", False),
        message.get("clientToken"),
    )


def suggest_request(document: Any) -> SuggestRequest:
    """The request in a message. Raises Refusal 400 for one without a valid score.

    Attributes may have any name, as at Perspective: Coral suggests APPROVED and DELETED.
    """
    message = read_message(SUGGEST, document)
    text, _ = _comment(message)
    _require_one_context(message)
    scored: dict[str, dict[str, Any]] = message.get("attributeScores", {})
    if not scored:
        raise refused("Missing attribute_scores")
    suggestions = [one for name, scores in scored.items() for one in _suggestions(name, scores, len(text))]
    return SuggestRequest(
        text,
        tuple(suggestions),
        tuple(message.get("languages", ())),
        message.get("communityId"),
        message.get("sessionId"),
        message.get("clientToken"),
        message.get("doNotStore", False),
    )


def refused(message: str, error_type: str = "INVALID_REQUEST", **about: Any) -> Refusal:
    """A refusal with Perspective's own detail. error_type: one of its ErrorType names."""
    detail = {"@type": f"type.googleapis.com/{PACKAGE}.Error", "errorType": error_type} | about
    return Refusal(400, message, error_type.lower(), details=[detail])


def unknown_attribute(name: str) -> Refusal:
    """The refusal of an attribute that the model does not have."""
    return refused(f"Unknown requested attribute: {_shown(name)}")


def _comment(message: dict[str, Any]) -> tuple[str, str]:
    """(text, text with its disguises undone), neither of them blank."""
    comment = message.get("comment", {})
    text: str = comment.get("text", "")
    if len(text.encode("utf-8")) > MAX_BYTES:
        raise refused("Comment text too long.", "COMMENT_TOO_LONG")
    normalised = normalised_text(text)
    if is_blank(text) or is_blank(normalised):
        raise refused("Comment must be non-empty.", "COMMENT_EMPTY")
    if comment.get("type") == HTML:
        raise refused("Currently, only 'PLAIN_TEXT' comments are supported")
    return text, normalised


def _require_one_context(message: dict[str, Any]) -> None:
    context = message.get("context", {})
    if context.get("entries") and "articleAndParentComment" in context:
        raise refused("Context can have either entries or article_and_parent_comment, but both fields were populated.")


def _require_probability(score_type: str, name: str) -> None:
    if score_type not in (PROBABILITY, UNSPECIFIED_SCORE):
        raise refused(f"Requested score type {score_type} is not supported by attribute {_shown(name)}")


def _suggestions(name: str, scores: dict[str, Any], length: int) -> list[Suggestion]:
    found = []
    if "summaryScore" in scores:
        found.append(Suggestion(name, _value(scores["summaryScore"], name)))
    for span in scores.get("spanScores", ()):
        begin, end = span.get("begin", 0), span.get("end", 0)
        # Twice the length, for clients that count a character beyond U+FFFF as two.
        if "score" not in span or not 0 <= begin < end <= 2 * length:
            raise refused(f"A span score of attribute {_shown(name)} needs a score, and a begin and end in the text")
        found.append(Suggestion(name, _value(span["score"], name), begin, end))
    if not found:
        raise refused(f"Missing scores for attribute {_shown(name)}")
    return found


def _value(score: dict[str, Any], name: str) -> float:
    _require_probability(score.get("type", PROBABILITY), name)
    # protobuf leaves a value of 0 out.
    value: float = score.get("value", 0.0)
    if not 0 <= value <= 1:
        raise refused(f"A score of attribute {_shown(name)} is not between 0 and 1")
    return value


def _shown(name: str) -> str:
    return quoted_name(name).strip('"')
