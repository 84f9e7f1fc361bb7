"""The routes of the JSON API: texts in, verdicts out."""

from typing import Any

from flask import Blueprint, Response, current_app, jsonify, request
from pydantic import ValidationError

from retort.config import ServeSettings
from retort.web.api.invalid import refusal_of
from retort.web.api.messages import (
    Arms,
    ClassifyRequest,
    ModelName,
    Models,
    as_arm,
    classify_answer,
    classify_request,
    model_of,
    result,
)
from retort.web.api.openapi import document
from retort.web.api.strict_json import parse
from retort.web.server.answers import JSON, JSON_ERROR, described, json_answer
from retort.web.server.errors import Refusal
from retort.web.server.service import Service


def blueprint(service: Service, settings: ServeSettings) -> Blueprint:
    """`/api/v1/classify`, `/api/v1/models` (formerly `/api/v1/arms`) and `/api/openapi.json`."""
    api = Blueprint("api", __name__, url_prefix="/api")
    accepted, given = classify_request(settings, service.models), classify_answer(service.task)

    @api.post("/v1/classify")
    @described(
        f"Score up to {settings.texts} comments.",
        {JSON: given},
        JSON_ERROR,
        (400, 411, 413, 415, 422, 429, 500, 503, 504),
        request={JSON: accepted},
    )
    def classify() -> Response:
        return json_answer(given.model_validate(_classified(service, _parsed(accepted))))

    @api.get("/v1/models")
    @described("The models that can answer.", {JSON: Models}, JSON_ERROR, (500, 503))
    def models() -> Response:
        return json_answer(_models(service))

    @api.get("/v1/arms")
    @described("The former /api/v1/models.", {JSON: Arms}, JSON_ERROR, (500, 503), deprecated=True)
    def arms() -> Response:
        found = _models(service)
        return json_answer(Arms(default=found.default, arms=[as_arm(model) for model in found.models]))

    @api.get("/openapi.json")
    @described("This document.", {JSON: {"type": "object"}}, JSON_ERROR, (500, 503))
    def openapi() -> Response:
        return jsonify(document(current_app, service.task))

    return api


def _classified(service: Service, parsed: ClassifyRequest) -> dict[str, Any]:
    """The values of a `ClassifyAnswer`."""
    name = parsed.arm if parsed.model is None else parsed.model
    classifier = service.classifier(name)
    deadline = service.deadline()
    answers = service.read(parsed.texts, name, deadline)
    results = [
        result(index, answer, service.highlights(text, name, deadline) if parsed.explain else ())
        for index, (text, answer) in enumerate(zip(parsed.texts, answers, strict=True))
    ]
    model = ModelName(name=classifier.arm, sha256=classifier.sha256, arm=classifier.arm)
    return {"model": model, "results": results}


def _models(service: Service) -> Models:
    return Models(default=service.default, models=[model_of(name, service.loaded(name)) for name in service.models])


def _parsed(model: type[ClassifyRequest]) -> ClassifyRequest:
    """The request's body. Raises Refusal: 415 media type, 400 JSON, 422 content."""
    if request.mimetype != JSON:
        raise Refusal(415, "the body must be JSON; send Content-Type: application/json")
    try:
        parsed = model.model_validate(parse(request.get_data()))
    except ValidationError as error:
        raise refusal_of(error) from None  # pydantic's text quotes what was sent
    if parsed.arm is not None and parsed.model not in (None, parsed.arm):
        raise Refusal(422, "model and arm name two different models; send model alone", field="arm")
    return parsed
