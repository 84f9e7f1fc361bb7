"""The OpenAPI document of the JSON API, made from the very models that requests are checked with."""

import importlib.metadata
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from retort.config import ServeSettings

_NUMBER = {"type": "number"}
_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}
_PROBABILITY = {"type": "number", "minimum": 0, "maximum": 1}

_REFUSALS = {
    "400": "Not JSON, not UTF-8, a key twice, NaN, or nested too deep.",
    "411": "No Content-Length.",
    "413": "The body is too large.",
    "415": "The body is not called JSON.",
    "422": "JSON, but not what is wanted; `field` says where.",
    "429": "Too many requests are waiting, or came from one address; see Retry-After.",
    "500": "A mistake of the server's.",
    "503": "The server loads its model, drains, or failed its self-check; see Retry-After.",
    "504": "Not answered before the deadline.",
}


def document(classify_request: type[BaseModel], settings: ServeSettings, arms: Sequence[str]) -> dict[str, Any]:
    """An OpenAPI 3.1 document; `classify_request` is the model of what POST /api/v1/classify takes, `arms`
    are those that can be named there."""
    wanted = classify_request.model_json_schema()
    texts = wanted["properties"]["texts"]
    texts["maxItems"] = settings.texts
    wanted["properties"]["arm"]["anyOf"] = [{"enum": list(arms)}, {"type": "null"}]
    # As near as a pattern comes to "something can be seen".
    texts["items"] |= {"minLength": 1, "pattern": r"[^\s\u0000-\u001f\u007f-\u009f]", "maxLength": settings.characters}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Retort",
            "version": importlib.metadata.version("retort-nlp"),
            "description": "Rates comments for toxicity. An aid for people who decide, not a judge.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {
            "/api/v1/classify": {
                "post": {
                    "operationId": "classify",
                    "summary": "Score up to a few dozen comments.",
                    "requestBody": {"required": True, "content": _json_of(_reference("ClassifyRequest"))},
                    "responses": {"200": _answer("One result per text, in order.", "ClassifyAnswer")}
                    | _refused(*_REFUSALS),
                }
            },
            "/api/v1/arms": {
                "get": {
                    "operationId": "arms",
                    "summary": "The models that can answer.",
                    "responses": {"200": _answer("All arms and the default one.", "Arms")} | _refused("500", "503"),
                }
            },
            "/healthz": _plain("Is the process alive?"),
            "/readyz": _plain("Does it take requests?", "503"),
        },
        "components": {"schemas": {"ClassifyRequest": wanted} | _SCHEMAS},
    }


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _list_of(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _json_of(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _answer(description: str, schema: str) -> dict[str, Any]:
    return {"description": description, "content": _json_of(_reference(schema))}


def _refused(*statuses: str) -> dict[str, Any]:
    return {status: _answer(_REFUSALS[status], "Error") for status in statuses}


def _plain(summary: str, *refusals: str) -> dict[str, Any]:
    alive = {"description": "Yes.", "content": _json_of({"type": "object"})}
    return {"get": {"summary": summary, "responses": {"200": alive} | _refused(*refusals)}}


_SCHEMAS: dict[str, Any] = {
    "ClassifyAnswer": _object(
        model=_object(arm=_TEXT, sha256=_TEXT),
        results=_list_of(_reference("Result")),
    ),
    "Result": _object(
        text_index=_COUNT,
        verdict={"enum": ["toxic", "non-toxic", "unsure"]},
        threshold=_PROBABILITY | {"description": "A probability at or above it is toxic."},
        probabilities={"type": "object", "additionalProperties": _PROBABILITY},
        tokens=_COUNT,
        windows=_COUNT | {"description": "Overlapping parts that a long text was read in."},
        warnings=_list_of(_TEXT),
        highlights=_list_of(_reference("Highlight")),
    ),
    "Highlight": _object(begin=_COUNT, end=_COUNT, weight=_NUMBER)
    | {"description": "Characters [begin, end) of the text, counted in code points."},
    "Arms": _object(default=_TEXT, arms=_list_of({"type": "object"})),
    "Error": _object(
        error=_object(
            code=_TEXT,
            message=_TEXT,
            field={"type": ["string", "null"]},
            limit={"type": ["number", "null"]},
        ),
        request_id=_TEXT,
    ),
}
