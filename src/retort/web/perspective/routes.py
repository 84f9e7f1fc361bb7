"""The Perspective API's own requests: a program that uses that API moves here by changing one address.

Google ends that service after 31 December 2026. Shapes, limits, errors and their words are those of v1alpha1;
docs/perspective.md has the differences.
"""

from collections.abc import Callable

from flask import Blueprint, Response, request

from retort.config import ServeSettings
from retort.errors import ConfigError, ModelError
from retort.web.perspective.calibrated import mapping_of
from retort.web.perspective.discovery import NAME, STANDARD_PARAMETERS, VERSION, component_schemas, document
from retort.web.perspective.feedback import Feedback
from retort.web.perspective.languages import Languages
from retort.web.perspective.loose_json import parse_loosely
from retort.web.perspective.messages import ANALYZE, ANALYZED, ERROR, SUGGEST, SUGGESTED
from retort.web.perspective.parameters import (
    PARAMETERS,
    answer,
    counted_in_utf16,
    json_body,
    query_schemas,
    require_key,
    require_parameters,
    root_url,
    switched,
)
from retort.web.perspective.requests import analyze_request, suggest_request
from retort.web.perspective.scores import in_english, known_attributes, scale_of, scores
from retort.web.server.answers import JSON, Content, View, described
from retort.web.server.errors import Refusal
from retort.web.server.service import Service

_REFUSALS = (400, 403, 411, 413, 415, 429, 500, 503)


def blueprint(service: Service, settings: ServeSettings) -> Blueprint:
    """`/v1alpha1/comments:analyze`, `/v1alpha1/comments:suggestscore` and the discovery document.

    Raises ResourceError when the feedback file cannot be written, ModelError when calibrated scores are the
    default and the model has no calibration.
    """
    perspective = Blueprint("perspective", __name__)
    _add_analyze(perspective, service, settings)
    _add_suggest_score(perspective, settings)
    _add_discovery(perspective, settings)
    return perspective


def _add_analyze(perspective: Blueprint, service: Service, settings: ServeSettings) -> None:
    languages = Languages()
    mapping = mapping_of(service)
    if settings.calibrated and mapping is None:
        raise ModelError(f"{service.folder}: not calibrated; run retort calibrate, or serve without calibrated=true")
    parameters = STANDARD_PARAMETERS | PARAMETERS

    @perspective.post(f"/{VERSION}/comments:analyze")
    @_described("Score a comment.", ANALYZE, ANALYZED, (*_REFUSALS, 504), parameters)
    def analyze() -> Response:
        require_key(settings)
        require_parameters(parameters)
        scale = scale_of(mapping, switched("calibrated", settings.calibrated))
        utf16 = counted_in_utf16()
        parsed = analyze_request(parse_loosely(json_body()))
        known = known_attributes(service, parsed)
        detected = languages.of(parsed.normalised)
        effective, known = in_english(parsed, known, detected)
        found = scores(service, parsed, known, scale, utf16=utf16) if known else {}
        content = {"attributeScores": found, "languages": effective, "detectedLanguages": [detected]}
        return answer(content, parsed.client_token)


def _add_suggest_score(perspective: Blueprint, settings: ServeSettings) -> None:
    feedback = Feedback(settings.feedback_file) if settings.feedback_file else None

    @perspective.post(f"/{VERSION}/comments:suggestscore")
    @_described("Suggest scores for a comment.", SUGGEST, SUGGESTED, _REFUSALS, STANDARD_PARAMETERS)
    def suggest_score() -> Response:
        require_key(settings)
        require_parameters(STANDARD_PARAMETERS)
        parsed = suggest_request(parse_loosely(json_body()))
        if feedback is not None and not parsed.do_not_store:
            feedback.add(parsed)
        return answer({}, parsed.client_token)


def _add_discovery(perspective: Blueprint, settings: ServeSettings) -> None:
    @perspective.get("/$discovery/rest")
    @described(
        "The API as Google's clients read it.",
        {JSON: {"type": "object"}},
        _message(ERROR),
        (400, 404, 500, 503),
        query={"version": {"enum": [VERSION]}, "api": {"enum": [NAME]}},
    )
    def discovery() -> Response:
        if request.args.get("version", VERSION) != VERSION or request.args.get("api", NAME) != NAME:
            raise Refusal(404, f"There is one discovery document here, of {NAME} version {VERSION}.")
        return answer(document(root_url(settings), PARAMETERS), None)


def refuse_settings(service: Service, settings: ServeSettings) -> None:
    """Raises ConfigError for a setting of these routes: for a task that lacks them it would do nothing."""
    given = {
        "--feedback": settings.feedback_file,
        "--key or RETORT_KEYS": settings.keys,
        "--set calibrated": settings.calibrated,
    }
    for flag, value in given.items():
        if value:
            raise ConfigError(
                f"{flag}: is for /v1alpha1, which needs labels with Perspective names; the task "
                f"{service.task.name!r} has none: leave it out"
            )


def _message(name: str) -> Content:
    return {JSON: {"$ref": f"#/components/schemas/{name}"}}


def _described(
    summary: str, request: str, answer: str, refusals: tuple[int, ...], parameters: dict[str, str]
) -> Callable[[View], View]:
    """The description of a method, by the names of its messages."""
    return described(
        summary,
        _message(answer),
        _message(ERROR),
        refusals,
        request=_message(request),
        query=query_schemas(parameters),
        schemas=component_schemas(),
    )
