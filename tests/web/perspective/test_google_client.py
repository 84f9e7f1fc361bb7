"""Google's own client, built from our discovery address, runs unchanged."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError
from werkzeug.serving import make_server

from retort.config import ServeSettings
from retort.web.app import create_app
from retort.web.perspective.messages import MESSAGES
from tests.web.conftest import service_with
from tests.web.perspective.test_analyze import GERMAN, google_error

DISCOVERY = "/$discovery/rest?version=v1alpha1"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A real server on loopback that requires a key."""
    settings = ServeSettings(keys=("our-key",))
    server = make_server("127.0.0.1", 0, create_app(service_with(settings), settings), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()


def client_for(address: str, key: str = "our-key") -> Any:
    """As Perspective's guide builds it, with nothing changed but the address."""
    return build(
        "commentanalyzer",
        "v1alpha1",
        developerKey=key,
        discoveryServiceUrl=f"{address}{DISCOVERY}",
        static_discovery=False,
    )


@pytest.fixture
def google(address: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return client_for(address)


def test_analyze_answers_googles_client(google: Any) -> None:
    request = {
        "comment": {"text": "friendly greetings from python, you idiot 🙂. Bye!"},
        "requestedAttributes": {"TOXICITY": {}, "INSULT": {"scoreThreshold": 0.9}, "THREAT": {"scoreThreshold": 0.9}},
        "spanAnnotations": True,
        "languages": ["en"],
        "doNotStore": True,
        "clientToken": "token-7",
    }
    answer = google.comments().analyze(body=request).execute()
    assert set(answer["attributeScores"]) == {"TOXICITY", "INSULT"}
    assert answer["attributeScores"]["TOXICITY"]["summaryScore"] == {"value": 0.97, "type": "PROBABILITY"}
    text = request["comment"]["text"]  # type: ignore[index]
    spans = answer["attributeScores"]["INSULT"]["spanScores"]
    assert [text[s["begin"] : s["end"]] for s in spans] == ["friendly greetings from python, you idiot 🙂.", "Bye!"]
    assert answer["clientToken"] == "token-7"


def test_suggestscore_answers_googles_client(google: Any) -> None:
    request = {
        "comment": {"text": "I guess it was meant kindly."},
        "attributeScores": {"TOXICITY": {"summaryScore": {"value": 0}}},
        "clientToken": "token-8",
    }
    assert google.comments().suggestscore(body=request).execute() == {"clientToken": "token-8"}


@pytest.mark.parametrize(
    ("change", "message", "error_type"),
    [
        ({"comment": {"text": ""}}, "Comment must be non-empty.", "COMMENT_EMPTY"),
        ({"comment": {"text": "a" * 20_481}}, "Comment text too long.", "COMMENT_TOO_LONG"),
        ({"requestedAttributes": {}}, "Missing requested_attributes", "NO_REQUESTED_ATTRIBUTES"),
        (
            {"comment": {"text": GERMAN}},
            "Attribute TOXICITY does not support request languages: de",
            "LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE",
        ),
        ({"requestedAttributes": {"SPAM": {}}}, "Unknown requested attribute: SPAM", "INVALID_REQUEST"),
    ],
)
def test_errors_reach_the_program_with_message_and_details(
    google: Any, change: dict[str, Any], message: str, error_type: str
) -> None:
    request = {"comment": {"text": "hello"}, "requestedAttributes": {"TOXICITY": {}}} | change
    with pytest.raises(HttpError) as refused:
        google.comments().analyze(body=request).execute()
    assert refused.value.resp.status == 400
    assert refused.value.reason == message
    assert refused.value.error_details[0]["errorType"] == error_type
    # What programs look for in the text of the exception.
    assert error_type in str(refused.value)


def test_a_wrong_key_reaches_the_program_as_googles_error(google: Any, address: str) -> None:
    with pytest.raises(HttpError, match="API key not valid") as refused:
        client_for(address, "their-key").comments().analyze(body={}).execute()
    assert refused.value.error_details[0]["reason"] == "API_KEY_INVALID"


# --- the document itself ---


def test_the_document_names_the_server_that_sent_it(client: FlaskClient) -> None:
    for base in ("http://localhost:8000/", "https://comments.example.org/", "http://[::1]:8000/"):
        document = client.get(DISCOVERY, base_url=base).get_json()
        assert document["rootUrl"] == base
        assert document["servicePath"] == ""
        assert document["resources"]["comments"]["methods"]["analyze"]["path"] == "v1alpha1/comments:analyze"


def test_behind_a_proxy_it_names_the_address_that_was_set() -> None:
    settings = ServeSettings(public_url="https://comments.example.org/perspective")
    document = create_app(service_with(settings), settings).test_client().get(DISCOVERY).get_json()
    assert document["rootUrl"] == "https://comments.example.org/perspective/"


def test_every_message_that_it_refers_to_is_there(client: FlaskClient) -> None:
    document = client.get(DISCOVERY).get_json()

    def references(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            if "$ref" in value:
                yield value["$ref"]
            for item in value.values():
                yield from references(item)

    assert set(references(document)) == set(MESSAGES)
    assert set(document["schemas"]) == set(MESSAGES)
    names = document["schemas"]["AnalyzeCommentRequest"]["properties"]
    assert names["requestedAttributes"]["additionalProperties"] == {"$ref": "AttributeParameters"}
    assert names["languages"]["items"] == {"type": "string"}


@pytest.mark.parametrize("query", ["?version=v9", "?version=v1alpha1&api=translate"])
def test_there_is_no_other_document(client: FlaskClient, query: str) -> None:
    google_error(client.get(f"/$discovery/rest{query}"), 404, "NOT_FOUND")
    assert client.get("/$discovery/rest").status_code == 200


@pytest.mark.parametrize("host", ["a b", 'x"><script>', "a/../b", ""])
def test_a_host_that_is_none_never_gets_into_the_document(client: FlaskClient, host: str) -> None:
    answer = client.get(DISCOVERY, headers={"Host": host})
    assert answer.status_code == 400 or host.encode() not in answer.data or host == ""
