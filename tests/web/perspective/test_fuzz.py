"""Whatever is thrown at both methods, the answer is Perspective's: never a 5xx, always one of its two shapes."""

import copy
import json
from collections.abc import Sequence
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import settings as running
from hypothesis import strategies as st

from retort.config import ServeSettings
from retort.errors import DataError
from retort.inference.predictor import Answer
from retort.text import is_blank
from retort.web.app import create_app
from retort.web.server.service import Service
from tests.web.conftest import TASK, WordClassifier

METHODS = ("analyze", "suggestscore")

SEEDS: dict[str, dict[str, Any]] = {
    "analyze": {
        "comment": {"text": "You idiot. Bye 🙂!", "type": "PLAIN_TEXT"},
        "context": {"articleAndParentComment": {"article": {"text": "a"}, "parentComment": {"text": "b"}}},
        "requestedAttributes": {"TOXICITY": {"scoreType": "PROBABILITY", "scoreThreshold": 0.2}, "THREAT": {}},
        "spanAnnotations": True,
        "languages": ["en"],
        "doNotStore": True,
        "clientToken": "t",
        "sessionId": "s",
        "communityId": "c",
        "dropUnsupportedAttributes": False,
    },
    "suggestscore": {
        "comment": {"text": "You idiot.", "type": "PLAIN_TEXT"},
        "context": {"entries": [{"text": "a", "type": "HTML"}]},
        "attributeScores": {
            "TOXICITY": {
                "summaryScore": {"value": 0.9, "type": "PROBABILITY"},
                "spanScores": [{"begin": 0, "end": 3, "score": {"value": 0.1, "type": "PROBABILITY"}}],
            }
        },
        "languages": ["en"],
        "clientToken": "t",
        "sessionId": "s",
        "communityId": "c",
    },
}
NAMES = (
    "comment", "text", "type", "requestedAttributes", "requested_attributes", "scoreThreshold", "languages", "context",
    "TOXICITY", "SPAM", "begin", "end", "score", "value", "summaryScore", "spanScores", "entries", "x", "",
)  # fmt: skip


class StrictClassifier(WordClassifier):
    """Refuses what a real one refuses."""

    def read(self, texts: Sequence[str]) -> list[Answer]:
        if any(is_blank(text) for text in texts):
            raise DataError("blank")
        return super().read(texts)


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    settings = ServeSettings()
    service = Service({"odd": lambda: StrictClassifier("odd")}, "odd", settings, TASK)  # type: ignore[dict-item,return-value]
    service.start()
    return create_app(service, settings).test_client()


# JSON can say half a surrogate pair, so a text of a stranger can hold one.
texts = st.text(st.characters(), max_size=30) | st.sampled_from(
    [
        "",
        " ",
        "\x00",
        "\ud83d",
        "\u200d",
        "e\u0301",
        "[SEP]",
        "a" * 20_481,
        "a. " * 400,
        "RAW",
        "HTML",
        "fr",
        "0.5",
        "NaN",
        "1e999",
    ]
)
numbers = (
    st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([2**31, 2**63, 10**400, -1, 1e308])
)
scalars = st.none() | st.booleans() | numbers | texts
names = st.sampled_from(NAMES) | texts
garbage = st.recursive(scalars, lambda value: st.lists(value, max_size=4) | st.dictionaries(names, value, max_size=4))


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of everything inside a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, item in items for found in [(*path, key), *places(item, (*path, key))]]


@st.composite
def spoilt(draw: st.DrawFn, method: str) -> Any:
    """A good request with some of its parts replaced, taken away or added."""
    body = copy.deepcopy(SEEDS[method])
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(places(body) or [("x",)]))
        parent: Any = body
        for key in path[:-1]:
            parent = parent[key]
        match draw(st.sampled_from(["replace", "remove", "add"])):
            case "remove":
                del parent[path[-1]]
            case "add" if isinstance(parent, dict):
                parent[draw(names)] = draw(garbage)
            case _:
                parent[path[-1]] = draw(garbage)
        if not body:
            break
    return body


def check(client: FlaskClient, method: str, body: bytes, query: dict[str, str] | None = None) -> None:
    answer = client.post(
        f"/v1alpha1/comments:{method}", data=body, content_type="application/json", query_string=query or {}
    )
    assert answer.status_code < 500, answer.data
    assert answer.mimetype == "application/json"
    content = answer.get_json()
    if answer.status_code == 200:
        assert set(content) <= {"attributeScores", "languages", "detectedLanguages", "clientToken"}
        return
    assert set(content) == {"error"}
    error = content["error"]
    assert set(error) <= {"code", "message", "status", "details"}
    assert error["code"] == answer.status_code
    assert error["status"] in ("INVALID_ARGUMENT", "NOT_FOUND", "PERMISSION_DENIED")
    assert isinstance(error["message"], str)
    assert error["message"]
    assert all(detail["@type"].startswith("type.googleapis.com/") for detail in error.get("details", []))


def encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


quickly = running(max_examples=200, deadline=None)


@pytest.mark.parametrize("method", METHODS)
def test_the_seeds_themselves_are_answered(client: FlaskClient, method: str) -> None:
    answer = client.post(f"/v1alpha1/comments:{method}", json=SEEDS[method])
    assert answer.status_code == 200, answer.data


@quickly
@given(data=st.data())
@pytest.mark.parametrize("method", METHODS)
def test_a_spoilt_request_is_answered_or_refused_in_googles_shape(
    client: FlaskClient, method: str, data: st.DataObject
) -> None:
    check(client, method, encoded(data.draw(spoilt(method))))


@quickly
@given(value=garbage)
@pytest.mark.parametrize("method", METHODS)
def test_any_json_is_answered_or_refused_in_googles_shape(client: FlaskClient, method: str, value: Any) -> None:
    check(client, method, encoded(value))


@quickly
@given(body=st.binary(max_size=200) | st.text('{}[]:,"\\abu0d8.e- \n', max_size=60).map(str.encode))
@pytest.mark.parametrize("method", METHODS)
def test_any_bytes_are_refused_in_googles_shape(client: FlaskClient, method: str, body: bytes) -> None:
    # The test client gives an empty body no length, which the gate refuses.
    check(client, method, body or b" ")


@quickly
@given(
    query=st.dictionaries(
        st.sampled_from(["key", "alt", "prettyPrint", "calibrated", "offsets", "$.xgafv"]) | texts, texts
    )
)
@pytest.mark.parametrize("method", METHODS)
def test_any_query_is_answered_or_refused_in_googles_shape(
    client: FlaskClient, method: str, query: dict[str, str]
) -> None:
    plain = {k.encode("utf-8", "replace").decode(): v.encode("utf-8", "replace").decode() for k, v in query.items()}
    check(client, method, encoded(SEEDS[method]), plain)
