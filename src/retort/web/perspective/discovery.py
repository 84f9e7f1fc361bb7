"""The discovery document, from which Google's clients are built: it names the server that answers with it."""

from typing import Any

from retort.web.perspective.messages import ANALYZE, ANALYZED, ENUMS, ERROR, MESSAGES, SUGGEST, SUGGESTED, Field
from retort.web.server.answers import Schema

NAME = "commentanalyzer"
VERSION = "v1alpha1"

_TYPES = {
    "string": {"type": "string"},
    "boolean": {"type": "boolean"},
    "float": {"type": "number", "format": "float"},
    "int32": {"type": "integer", "format": "int32"},
}

_ERROR: Schema = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "status"],
            "properties": {
                "code": {"type": "integer"},
                "message": {"type": "string"},
                "status": {"type": "string"},
                "details": {"type": "array", "items": {"type": "object", "required": ["@type"]}},
            },
        }
    },
}

# Query parameters of every Google API, with their meaning.
STANDARD_PARAMETERS = {
    "$.xgafv": "Form of errors.",
    "access_token": "OAuth access token.",
    "alt": "Format of the answer: json.",
    "callback": "Not used.",
    "fields": "Not used: answers are whole.",
    "key": "API key, where the server requires one.",
    "oauth_token": "OAuth token.",
    "prettyPrint": "Answer with line breaks and indentation.",
    "quotaUser": "Not used.",
    "uploadType": "Not used.",
    "upload_protocol": "Not used.",
}


def document(root_url: str, parameters: dict[str, str]) -> dict[str, Any]:
    """The service at `root_url` (with a slash at its end) in Google's API Discovery format, v1.

    parameters: name -> meaning of the server's own query parameters of comments.analyze.
    """
    return {
        "kind": "discovery#restDescription",
        "discoveryVersion": "v1",
        "id": f"{NAME}:{VERSION}",
        "name": NAME,
        "version": VERSION,
        "revision": "0",
        "title": "Comment analyzer",
        "description": "Scores comments, as the Perspective API did.",
        "protocol": "rest",
        "rootUrl": root_url,
        "servicePath": "",
        "baseUrl": root_url,
        "basePath": "",
        "batchPath": "batch",
        "parameters": {name: _parameter(about) for name, about in STANDARD_PARAMETERS.items()},
        "schemas": {name: {"id": name} | _schema(fields) for name, fields in MESSAGES.items()},
        "resources": {
            "comments": {
                "methods": {
                    "analyze": _method("analyze", ANALYZE, ANALYZED, parameters),
                    "suggestscore": _method("suggestscore", SUGGEST, SUGGESTED, {}),
                }
            }
        },
    }


def component_schemas() -> dict[str, Schema]:
    """The messages as components of an OpenAPI document, and Google's error."""
    return {name: _schema(fields, "#/components/schemas/") for name, fields in MESSAGES.items()} | {ERROR: _ERROR}


def _parameter(about: str) -> dict[str, str]:
    return {"type": "string", "location": "query", "description": about}


def _method(name: str, request: str, response: str, parameters: dict[str, str]) -> dict[str, Any]:
    path = f"{VERSION}/comments:{name}"
    return {
        "id": f"{NAME}.comments.{name}",
        "path": path,
        "flatPath": path,
        "httpMethod": "POST",
        "description": "Scores a comment." if request == ANALYZE else "Suggests scores for a comment.",
        "parameters": {own: _parameter(about) for own, about in parameters.items()},
        "parameterOrder": [],
        "request": {"$ref": request},
        "response": {"$ref": response},
    }


def _schema(fields: dict[str, Field], references: str = "") -> dict[str, Any]:
    return {"type": "object", "properties": {key: _property(field, references) for key, field in fields.items()}}


def _property(field: Field, references: str) -> dict[str, Any]:
    one: dict[str, Any]
    if field.kind in MESSAGES:
        one = {"$ref": references + field.kind}
    elif field.kind in ENUMS:
        one = {"type": "string", "enum": list(ENUMS[field.kind])}
    else:
        one = dict(_TYPES[field.kind])
    if field.many == "list":
        one = {"type": "array", "items": one}
    elif field.many == "map":
        one = {"type": "object", "additionalProperties": one}
    return one | {"description": field.about}
