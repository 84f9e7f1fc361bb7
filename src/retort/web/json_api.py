"""Retort's own API: texts in, verdicts out, with the same keys as `retort predict --json`."""

from importlib import resources
from typing import Annotated, Any

from flask import Blueprint, Response, abort, jsonify, render_template, request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from retort.config import ServeSettings
from retort.inference.predictor import Answer
from retort.text import is_blank
from retort.web.errors import Refusal
from retort.web.openapi import document
from retort.web.service import Service
from retort.web.strict_json import holds_lone_surrogate, parse

_SWAGGER_FILES = ("swagger-ui.css", "swagger-ui-bundle.js")
# Swagger UI writes styles into its own elements; no other page of ours may.
_SWAGGER_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class ClassifyRequest(BaseModel):
    """What to score, by which arm, and whether to say which words made the verdict."""

    model_config = ConfigDict(extra="forbid", strict=True)

    texts: Annotated[list[str], Field(min_length=1, description="comments, each of at most 20,000 characters")]
    arm: Annotated[str | None, Field(description="one of /api/v1/arms; the default one when left out")] = None
    explain: Annotated[bool, Field(description="also answer with highlights")] = False


def blueprint(service: Service, settings: ServeSettings) -> Blueprint:
    """`/api/v1/classify`, `/api/v1/arms`, `/api/openapi.json` and the page that shows it, `/api/docs`."""
    api = Blueprint("api", __name__, url_prefix="/api")

    @api.post("/v1/classify")
    def classify() -> Response:
        asked = _parsed(settings)
        # The arm is resolved first, so that a wrong one is told even of texts that are wrong as well.
        classifier = service.classifier(asked.arm)
        deadline = service.deadline()
        answers = service.read(asked.texts, asked.arm, deadline)
        results = [_result(index, answer) for index, answer in enumerate(answers)]
        for result, text in zip(results, asked.texts, strict=True):
            found = service.highlights(text, asked.arm, deadline) if asked.explain else []
            result["highlights"] = [{"begin": h.begin, "end": h.end, "weight": h.weight} for h in found]
        return jsonify(model={"arm": classifier.arm, "sha256": classifier.sha256}, results=results)

    @api.get("/v1/arms")
    def arms() -> Response:
        return jsonify(default=service.default, arms=[service.describe(name) for name in service.arms])

    @api.get("/openapi.json")
    def openapi() -> Response:
        return jsonify(document(ClassifyRequest, settings, service.arms))

    @api.get("/docs")
    def docs() -> Response:
        page = Response(render_template("swagger.html"))
        page.headers["Content-Security-Policy"] = _SWAGGER_POLICY
        return page

    @api.get("/docs/<name>")
    def swagger_file(name: str) -> Response:
        if name not in _SWAGGER_FILES:
            abort(404)
        kind = "css" if name.endswith(".css") else "js"
        file = resources.files("flask_openapi_swagger").joinpath("templates", "swagger", kind, name)
        return Response(
            file.read_bytes(), content_type=f"text/{'css' if kind == 'css' else 'javascript'}; charset=utf-8"
        )

    return api


def _parsed(settings: ServeSettings) -> ClassifyRequest:
    """The request's body. Raises Refusal: 415 media type, 400 JSON, 422 content."""
    require_json()
    try:
        asked = ClassifyRequest.model_validate(parse(request.get_data()))
    except ValidationError as error:
        raise _invalid(error) from None  # pydantic's text quotes what was sent
    if len(asked.texts) > settings.texts:
        raise Refusal(
            422,
            f"{len(asked.texts)} texts; at most {settings.texts} at once",
            "too_many_texts",
            "texts",
            settings.texts,
        )
    for index, text in enumerate(asked.texts):
        require_text(text, f"texts[{index}]", settings)
    return asked


def require_json() -> None:
    """Raises Refusal 415 for a body that does not call itself JSON."""
    if request.mimetype != "application/json":
        raise Refusal(415, "the body must be JSON; send Content-Type: application/json")


def require_text(text: str, field: str, settings: ServeSettings) -> None:
    """Raises Refusal 422 for a text that cannot be scored, before anything is tokenised."""
    if len(text) > settings.characters:
        raise Refusal(
            422,
            f"a text of {len(text):,} characters; at most {settings.characters:,}",
            "text_too_long",
            field,
            settings.characters,
        )
    if holds_lone_surrogate(text):
        raise Refusal(422, "a text with half a surrogate pair, which is no character", "lone_surrogate", field)
    if is_blank(text):
        raise Refusal(422, "a text in which nothing can be seen", "blank_text", field)


def _result(index: int, answer: Answer) -> dict[str, Any]:
    return answer.as_json(index) | {
        "tokens": answer.tokens,
        "windows": answer.windows,
        "warnings": list(answer.warnings),
    }


def _invalid(error: ValidationError) -> Refusal:
    """The first complaint, by the place that it is about and never by what stood there."""
    first = error.errors(include_input=False, include_url=False)[0]
    path = ""
    for part in first["loc"]:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    if first["type"] == "extra_forbidden":
        return Refusal(422, "a field that is not known here; there are texts, arm and explain", "unknown_field", path)
    if first["type"] == "missing":
        return Refusal(422, "a field is missing", "missing_field", path)
    if first["type"] == "model_type":
        return Refusal(422, "the body must be a JSON object", "wrong_type", path or None)
    if first["type"] == "too_short":
        return Refusal(422, "no text to score; give at least one", "no_texts", path)
    return Refusal(422, f"a value of the wrong type ({first['msg'].lower()})", "wrong_type", path)
