"""The OpenAPI document: every route, and the messages that are really sent."""

import re
from typing import Any

import jsonschema
import pytest
from flask import Blueprint
from flask.testing import FlaskClient

from retort.config import ServeSettings
from retort.tasks import Task
from retort.web.api.openapi import document
from retort.web.app import create_app
from tests.web.conftest import SPAM, TASK, service_with

CLASSIFY = "/api/v1/classify"
ANALYZE = "/v1alpha1/comments:analyze"


@pytest.mark.parametrize("task", [TASK, SPAM])
def test_all_routes_are_in_the_document_and_no_others(task: Task) -> None:
    app = create_app(service_with(ServeSettings(), task=task))
    found = app.test_client().get("/api/openapi.json").get_json()["paths"]
    routes = {
        (re.sub(r"<([^>]+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert {(path, method) for path, methods in found.items() for method in methods} == routes
    names = [operation["operationId"] for methods in found.values() for operation in methods.values()]
    assert len(set(names)) == len(names) == len(routes)
    assert found["/"]["post"]["responses"]["200"]["content"] == {"text/html": {"schema": {"type": "string"}}}
    assert found["/api/v1/arms"]["get"]["deprecated"]


def test_a_route_without_a_description_is_an_error() -> None:
    app = create_app(service_with(ServeSettings()))
    forgotten = Blueprint("forgotten", __name__)
    forgotten.get("/forgotten")(lambda: "")
    app.register_blueprint(forgotten)
    with pytest.raises(AttributeError):
        document(app, TASK)


def test_every_reference_leads_somewhere(client: FlaskClient) -> None:
    found = client.get("/api/openapi.json").get_json()

    def references(value: Any) -> set[str]:
        if isinstance(value, dict):
            own = {value["$ref"]} if "$ref" in value else set()
            return own.union(*map(references, value.values()))
        return set().union(*map(references, value)) if isinstance(value, list) else set()

    names = {reference.removeprefix("#/components/schemas/") for reference in references(found)}
    assert names <= set(found["components"]["schemas"])
    assert {"ClassifyRequest", "ClassifyAnswer", "Error", "AnalyzeCommentRequest", "PerspectiveError"} <= names


def test_the_document_describes_the_answers_that_are_given(client: FlaskClient) -> None:
    found = client.get("/api/openapi.json").get_json()
    assert found["openapi"].startswith("3.1")
    answers = found["paths"][CLASSIFY]["post"]["responses"]
    assert set(answers) == {"200", "400", "411", "413", "415", "422", "429", "500", "503", "504"}
    asked = {"comment": {"text": "an idiot"}, "requestedAttributes": {"TOXICITY": {}}}
    for name, given in (
        ("ClassifyAnswer", client.post(CLASSIFY, json={"texts": ["an idiot"], "explain": True}).get_json()),
        ("Error", client.post(CLASSIFY, json={}).get_json()),
        ("Models", client.get("/api/v1/models").get_json()),
        ("Arms", client.get("/api/v1/arms").get_json()),
        ("Alive", client.get("/healthz").get_json()),
        ("Ready", client.get("/readyz").get_json()),
        ("AnalyzeCommentRequest", asked),
        ("AnalyzeCommentResponse", client.post(ANALYZE, json=asked).get_json()),
        ("PerspectiveError", client.post(ANALYZE, json={}).get_json()),
    ):
        jsonschema.validate(given, {"$ref": f"#/components/schemas/{name}", "components": found["components"]})


@pytest.mark.parametrize(
    ("request_", "valid"),
    [
        ({"texts": ["a"], "model": None, "explain": False}, True),
        ({"texts": ["a"], "arm": "even"}, True),
        ({"texts": ["a"], "model": "odd", "arm": "even"}, False),
        ({"texts": ["a"], "model": "od"}, False),
        ({"texts": []}, False),
        ({"texts": ["a"] * 33}, False),
        ({"texts": ["x" * 20_001]}, False),
        ({"texts": [" \n"]}, False),
        ({"texts": ["a"], "text": "a"}, False),
    ],
)
def test_the_document_and_the_server_accept_the_same_requests(
    client: FlaskClient, request_: dict[str, Any], valid: bool
) -> None:
    components = client.get("/api/openapi.json").get_json()["components"]
    schema = {"$ref": "#/components/schemas/ClassifyRequest", "components": components}
    assert jsonschema.Draft202012Validator(schema).is_valid(request_) is valid
    assert (client.post(CLASSIFY, json=request_).status_code == 200) is valid
