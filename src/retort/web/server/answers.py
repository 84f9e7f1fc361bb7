"""Answers as routes give them, and as the OpenAPI document describes them: the description is kept with the route."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flask import Response
from pydantic import BaseModel

from retort.web.server.errors import Error

Schema = Mapping[str, Any]
# Media type -> the content of a body of that type: a model, or a JSON Schema.
Content = Mapping[str, type[BaseModel] | Schema]
View = TypeVar("View", bound=Callable[..., Any])

JSON = "application/json"
HTML: Content = {"text/html": {"type": "string"}}
JSON_ERROR: Content = {JSON: Error}

_ATTRIBUTE = "openapi"


@dataclass(frozen=True)
class Description:
    """One route in the OpenAPI document. error: the content of every refusal; query: name -> schema of its value;
    schemas: components that the schemas here refer to, beyond those of pydantic models; status: of the answer."""

    summary: str
    answer: Content
    error: Content
    refusals: tuple[int, ...]
    request: Content = field(default_factory=dict)
    query: Mapping[str, Schema] = field(default_factory=dict)
    schemas: Mapping[str, Schema] = field(default_factory=dict)
    status: int = 200
    deprecated: bool = False


def described(
    summary: str, answer: Content = HTML, error: Content = HTML, refusals: tuple[int, ...] = (500,), **more: Any
) -> Callable[[View], View]:
    """Marks a view with its `Description`. Place it below the decorator with the view's address."""
    description = Description(summary, answer, error, refusals, **more)

    def mark(view: View) -> View:
        setattr(view, _ATTRIBUTE, description)
        return view

    return mark


def description_of(view: Callable[..., Any]) -> Description:
    """The description of a view. Raises AttributeError for a view that has none."""
    found: Description = getattr(view, _ATTRIBUTE)
    return found


def json_answer(content: BaseModel) -> Response:
    """A message as the body of an answer."""
    return Response(content.model_dump_json(), content_type=JSON)
