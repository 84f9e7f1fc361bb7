"""The Perspective API's own requests, answered by a model of ours: a program moves here by changing one address.

Google ends that service after 31 December 2026. Shapes, limits, errors and their words are those of v1alpha1;
what differs stands in docs/perspective.md.
"""

import hmac
import json
import re
from bisect import bisect_left
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, request

from retort.attributes import PERSPECTIVE_NAMES
from retort.config import ServeSettings
from retort.errors import ModelError
from retort.evaluation.calibration import Calibration
from retort.web.calibrated import calibration_of
from retort.web.discovery import NAME, STANDARD_PARAMETERS, VERSION, document
from retort.web.errors import Refusal
from retort.web.feedback import Feedback
from retort.web.languages import Languages, is_english
from retort.web.loose_json import parse_loosely
from retort.web.perspective_requests import (
    AnalyzeRequest,
    analyze_request,
    refused,
    suggest_request,
    unknown_attribute,
)
from retort.web.perspective_schema import PROBABILITY, quoted_name
from retort.web.sentences import sentences
from retort.web.service import Service

Span = tuple[int, int]
Probabilities = dict[str, float]

# The server's own query parameters, which Perspective did not have.
PARAMETERS = {
    "calibrated": "true: scores on the scale that `retort calibrate` was given.",
    "offsets": "utf16: count spans in UTF-16 units, as JavaScript does, instead of characters.",
}
_SWITCH = {"": True, "1": True, "true": True, "0": False, "false": False}
_HOST = re.compile(r"[A-Za-z0-9.\-_]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")
_LANGUAGE = re.compile(r"[A-Za-z0-9_-]{1,35}")


def blueprint(service: Service, settings: ServeSettings) -> Blueprint:
    """`/v1alpha1/comments:analyze`, `/v1alpha1/comments:suggestscore` and the discovery document.

    Raises ResourceError when the feedback file cannot be written, ModelError when calibrated scores are asked
    for of a model without calibration.
    """
    perspective = Blueprint("perspective", __name__)
    languages = Languages()
    feedback = Feedback(settings.feedback_file) if settings.feedback_file else None
    calibration = calibration_of(service)
    if settings.calibrated and calibration is None:
        raise ModelError(f"{service.folder}: not calibrated; run retort calibrate, or serve without calibrated=true")

    @perspective.post(f"/{VERSION}/comments:analyze")
    def analyze() -> Response:
        _require_key(settings)
        _require_parameters(STANDARD_PARAMETERS | PARAMETERS)
        scale = _scale(calibration, _switched("calibrated", settings.calibrated))
        counted = _counted()
        asked = analyze_request(parse_loosely(_json_body()))
        known = _known_attributes(service, asked)
        detected = languages.of(asked.normalised)
        effective, known = _in_english(asked, known, detected)
        scores = _scores(service, asked, known, scale, counted) if known else {}
        answer = {"attributeScores": scores, "languages": effective, "detectedLanguages": [detected]}
        return _answer(answer, asked.client_token)

    @perspective.post(f"/{VERSION}/comments:suggestscore")
    def suggest_score() -> Response:
        _require_key(settings)
        _require_parameters(STANDARD_PARAMETERS)
        asked = suggest_request(parse_loosely(_json_body()))
        if feedback is not None and not asked.do_not_store:
            feedback.add(asked)
        return _answer({}, asked.client_token)

    @perspective.get("/$discovery/rest")
    def discovery() -> Response:
        if request.args.get("version", VERSION) != VERSION or request.args.get("api", NAME) != NAME:
            raise Refusal(404, f"There is one discovery document here, of {NAME} version {VERSION}.")
        return _answer(document(_root_url(settings), PARAMETERS), None)

    return perspective


# --- around a request ---


def _require_key(settings: ServeSettings) -> None:
    """Raises Google's refusals of a missing or wrong key, when the server has keys. No key is ever repeated."""
    if not settings.keys:
        return
    given = request.args.get("key") or request.headers.get("X-Goog-Api-Key") or ""
    if not given:
        message = (
            "Method doesn't allow unregistered callers (callers without established identity). "
            "Please use API Key or other form of API consumer identity to call this API."
        )
        raise Refusal(403, message, "no_key")
    # All are compared, each in constant time: the time taken tells nothing about them.
    matches = [hmac.compare_digest(given.encode("utf-8", "replace"), key.encode()) for key in settings.keys]
    if not any(matches):
        info = {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "API_KEY_INVALID",
            "domain": "googleapis.com",
            "metadata": {"service": f"{NAME}.googleapis.com"},
        }
        raise Refusal(400, "API key not valid. Please pass a valid API key.", "wrong_key", details=[info])


def _require_parameters(known: dict[str, str]) -> None:
    """Raises Refusal for a query parameter that does not exist, or whose value could not be heeded."""
    for name in request.args:
        if name not in known:
            shown = quoted_name(name)
            raise refused(f"Invalid JSON payload received. Unknown name {shown}: Cannot bind query parameter.")
    if request.args.get("alt", "json") != "json":
        raise refused("Invalid value at query parameter 'alt': only json is answered.")
    _pretty()


def _switched(name: str, default: bool) -> bool:
    """A query parameter that is on or off."""
    given = request.args.get(name)
    if given is None:
        return default
    if given not in _SWITCH:
        raise refused(f"Invalid value at query parameter '{name}': true or false.")
    return _SWITCH[given]


def _pretty() -> bool:
    return _switched("prettyPrint", default=False)


def _json_body() -> bytes:
    """The body. Programs without a content type and `fetch` with its text/plain were answered by Perspective too."""
    kind = request.mimetype
    if kind not in ("", "application/json", "text/plain") and not kind.endswith("+json"):
        raise Refusal(415, "The body must be JSON; send Content-Type: application/json.")
    return request.get_data()


def _answer(content: dict[str, Any], client_token: str | None) -> Response:
    token = {} if client_token is None else {"clientToken": client_token}
    return Response(
        json.dumps(content | token, indent=2 if _pretty() else None), content_type="application/json; charset=UTF-8"
    )


def _root_url(settings: ServeSettings) -> str:
    if settings.public_url is not None:
        return f"{settings.public_url.rstrip('/')}/"
    # What a client wrote there comes back in the document.
    if not _HOST.fullmatch(request.host):
        raise Refusal(400, "The Host header names no host.")
    return f"{request.scheme}://{request.host}{request.script_root}/"


# --- what is scored ---


def _known_attributes(service: Service, asked: AnalyzeRequest) -> dict[str, str]:
    """Perspective's name -> ours, of the requested attributes. Raises Refusal for one that the model lacks."""
    has = {PERSPECTIVE_NAMES[name]: name for name in service.classifier().attributes if name in PERSPECTIVE_NAMES}
    known = {name: has[name] for name in asked.attributes if name in has}
    missing = next((name for name in asked.attributes if name not in has), None)
    if missing is not None and not asked.drop_unsupported:
        raise unknown_attribute(missing)
    return known


def _in_english(asked: AnalyzeRequest, known: dict[str, str], detected: str) -> tuple[list[str], dict[str, str]]:
    """(languages of the answer, attributes that can be scored): none of a comment that is not in English.

    Raises Refusal unless the client wanted such attributes dropped.
    """
    given = bool(asked.languages)
    language = asked.languages[0] if given else detected
    effective = list(asked.languages) if given else [detected]
    if is_english(language):
        return effective, known
    if asked.drop_unsupported:
        return effective, {}
    attribute = next(iter(known))
    code = language if _LANGUAGE.fullmatch(language) else "und"
    detail = {"requestedLanguages" if given else "detectedLanguages": [code], "attribute": attribute}
    raise refused(
        f"Attribute {attribute} does not support request languages: {code}",
        "LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE",
        languageNotSupportedByAttributeError=detail,
    )


def _scale(calibration: Calibration | None, wanted: bool) -> Callable[[Probabilities], Probabilities]:
    """What is done to a model's probabilities before they are answered."""
    if not wanted:
        return lambda probabilities: probabilities
    if calibration is None:
        raise refused("This model is not calibrated: leave calibrated out, or run retort calibrate on the server.")
    return calibration.apply


def _scores(
    service: Service,
    asked: AnalyzeRequest,
    known: dict[str, str],
    scale: Callable[[Probabilities], Probabilities],
    counted: Callable[[str, Span], Span],
) -> dict[str, Any]:
    """`attributeScores`, without attributes that are under their threshold."""
    whole = (0, len(asked.text))
    spans = sentences(asked.text) if asked.spans else [whole]
    parts = [asked.text[begin:end] for begin, end in spans if (begin, end) != whole]
    answers = service.read([asked.text, *parts], deadline=service.deadline())
    summary, *of_parts = [scale(answer.probabilities) for answer in answers]
    of_spans = of_parts or [summary]
    places = [counted(asked.text, span) for span in spans]
    return {
        name: {
            "spanScores": [
                {"begin": begin, "end": end, "score": _score(one[known[name]])}
                for (begin, end), one in zip(places, of_spans, strict=True)
            ],
            "summaryScore": _score(summary[known[name]]),
        }
        for name, threshold in asked.attributes.items()
        if name in known and (threshold is None or summary[known[name]] >= threshold)
    }


def _score(value: float) -> dict[str, Any]:
    return {"value": value, "type": PROBABILITY}


def _counted() -> Callable[[str, Span], Span]:
    """How the ends of spans are counted."""
    given = request.args.get("offsets", "characters")
    if given not in ("characters", "utf16"):
        raise refused("Invalid value at query parameter 'offsets': characters or utf16.")
    return _in_utf16 if given == "utf16" else lambda _text, span: span


def _in_utf16(text: str, span: Span) -> Span:
    twos = [index for index, character in enumerate(text) if ord(character) > 0xFFFF]
    begin, end = (place + bisect_left(twos, place) for place in span)
    return begin, end
