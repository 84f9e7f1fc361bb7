"""The OpenAPI document, made from the application's own routes, their descriptions and their messages."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import Flask
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema

from retort.provenance import version
from retort.tasks import Task
from retort.web.server.answers import Content, Description, description_of

_REFERENCE = "#/components/schemas/{model}"
_REFUSALS = {
    400: "Not JSON, not UTF-8, a key twice, NaN, or nested too deep.",
    403: "No API key.",
    404: "There is none of that name.",
    411: "No Content-Length.",
    413: "The body is too large.",
    415: "The Content-Type is not one that is read here.",
    422: "The content is not valid.",
    429: "Too many requests are waiting, or came from one address; see Retry-After.",
    500: "An internal error.",
    503: "The server loads its model, drains, or failed its self-check; see Retry-After.",
    504: "Not answered before the deadline.",
}
# Of a rule: `<name>`.
_VARIABLE = re.compile(r"<([^>]+)>")


class _Untitled(GenerateJsonSchema):
    """Schemas without a title for each field, which would only repeat its name."""

    def field_title_should_be_set(self, _schema: Any) -> bool:
        return False


@dataclass(frozen=True)
class _Route:
    """path: with its variables as `{name}`; name: unique; tag: the part of the server that it belongs to."""

    path: str
    method: str
    name: str
    tag: str
    description: Description


def document(app: Flask, task: Task) -> dict[str, Any]:
    """An OpenAPI 3.1 document of all routes of `app`. Raises AttributeError for a route without a description."""
    routes = list(_routes(app))
    paths: dict[str, Any] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Retort",
            "version": version(),
            "description": f"Verdicts on comments: {', '.join(task.words.values())}. {task.words['positive']}: "
            f"{task.meaning} An aid for people who decide, not a judge.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {"schemas": _schemas(routes)},
    }


def _routes(app: Flask) -> Iterator[_Route]:
    for rule in app.url_map.iter_rules():
        tag, _, name = rule.endpoint.rpartition(".")
        description = description_of(app.view_functions[rule.endpoint])
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield _Route(_VARIABLE.sub(r"{\1}", rule.rule), method.lower(), name, tag, description)


def _operation(route: _Route) -> dict[str, Any]:
    description = route.description
    variables = re.findall(r"{([^}]+)}", route.path)
    parameters = [
        *({"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in variables),
        *({"name": name, "in": "query", "schema": schema} for name, schema in description.query.items()),
    ]
    answer = {"description": HTTPStatus(description.status).phrase, "content": _content(description.answer)}
    refusals = {
        str(status): {"description": _REFUSALS[status], "content": _content(description.error)}
        for status in description.refusals
    }
    return {
        "operationId": route.name,
        "tags": [route.tag],
        "summary": description.summary,
        **({"deprecated": True} if description.deprecated else {}),
        **({"parameters": parameters} if parameters else {}),
        **(
            {"requestBody": {"required": True, "content": _content(description.request)}} if description.request else {}
        ),
        "responses": {str(description.status): answer} | refusals,
    }


def _content(content: Content) -> dict[str, Any]:
    return {
        media: {"schema": dict(one) if isinstance(one, Mapping) else {"$ref": _REFERENCE.format(model=one.__name__)}}
        for media, one in content.items()
    }


def _schemas(routes: list[_Route]) -> dict[str, Any]:
    """The components that all these routes refer to."""
    models: dict[type[BaseModel], JsonSchemaMode] = {}
    others: dict[str, Any] = {}
    for description in (route.description for route in routes):
        others |= description.schemas
        models |= dict.fromkeys(_models(description.request), "validation")
        models |= dict.fromkeys([*_models(description.answer), *_models(description.error)], "serialization")
    _, found = models_json_schema(list(models.items()), ref_template=_REFERENCE, schema_generator=_Untitled)
    definitions: dict[str, Any] = found["$defs"]
    return definitions | others


def _models(content: Content) -> list[type[BaseModel]]:
    return [one for one in content.values() if not isinstance(one, Mapping)]
