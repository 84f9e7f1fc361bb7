"""POST /v1alpha1/comments:analyze, field by field, as Perspective answered it."""

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from retort.config import ServeSettings
from retort.web.app import create_app
from retort.web.server.service import Service
from tests.web.conftest import TASK, WordClassifier, service_with

ANALYZE = "/v1alpha1/comments:analyze"
GERMAN = "Ich finde es schade, dass die Bibliothek am Samstag schon um zwölf Uhr schließt."
ERROR = "type.googleapis.com/google.commentanalyzer.v1alpha1.Error"


def asking(text: str, *names: str, **fields: Any) -> dict[str, Any]:
    """A request for TOXICITY or for the named attributes."""
    return {"comment": {"text": text}, "requestedAttributes": {name: {} for name in names or ("TOXICITY",)}} | fields


def google_error(answer: Any, status: int, name: str, message: str | None = None) -> dict[str, Any]:
    """The error in Google's shape, once everything about it that all share is checked."""
    assert answer.status_code == status, answer.data
    assert answer.mimetype == "application/json"
    assert set(answer.get_json()) == {"error"}
    error: dict[str, Any] = answer.get_json()["error"]
    assert set(error) <= {"code", "message", "status", "details"}
    assert (error["code"], error["status"]) == (status, name)
    assert error["message"]
    if message is not None:
        assert error["message"] == message
    return error


def refused(answer: Any, message: str, error_type: str = "INVALID_REQUEST", **about: Any) -> None:
    """A 400 with Perspective's own detail."""
    error = google_error(answer, 400, "INVALID_ARGUMENT", message)
    assert error["details"] == [{"@type": ERROR, "errorType": error_type} | about]


def invalid(answer: Any, description: str, field: str | None = None) -> None:
    """A 400 of Google's parser."""
    error = google_error(answer, 400, "INVALID_ARGUMENT", description)
    violation = {"description": description} if field is None else {"field": field, "description": description}
    assert error["details"] == [{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]}]


def served(settings: ServeSettings | None = None) -> FlaskClient:
    settings = settings or ServeSettings()
    return create_app(service_with(settings), settings).test_client()


# --- answers ---


def test_the_answer_has_perspectives_shape(client: FlaskClient) -> None:
    answer = client.post(ANALYZE, json=asking("you idiot", "TOXICITY", "THREAT", clientToken="mine 🙂"))
    assert answer.status_code == 200
    assert answer.content_type == "application/json; charset=UTF-8"
    score = {"value": 0.97, "type": "PROBABILITY"}
    body = answer.get_json()
    assert set(body) == {"attributeScores", "languages", "detectedLanguages", "clientToken"}
    assert set(body["attributeScores"]) == {"TOXICITY", "THREAT"}
    assert body["attributeScores"]["TOXICITY"] == {
        "summaryScore": score,
        "spanScores": [{"begin": 0, "end": 9, "score": score}],
    }
    assert body["attributeScores"]["THREAT"]["summaryScore"] == {"value": 0.02, "type": "PROBABILITY"}
    assert (body["languages"], body["detectedLanguages"], body["clientToken"]) == (["en"], ["en"], "mine 🙂")


def test_without_a_token_none_comes_back(client: FlaskClient) -> None:
    assert "clientToken" not in client.post(ANALYZE, json=asking("hello")).get_json()
    assert client.post(ANALYZE, json=asking("hello", clientToken="")).get_json()["clientToken"] == ""


def test_all_seven_attributes_are_known_by_perspectives_names(client: FlaskClient) -> None:
    scores = client.post(ANALYZE, json=asking("you idiot", *TASK.perspective_names.values())).get_json()[
        "attributeScores"
    ]
    assert tuple(TASK.perspective_names) == TASK.names
    assert set(scores) == {
        "TOXICITY", "SEVERE_TOXICITY", "PROFANITY", "THREAT", "INSULT", "IDENTITY_ATTACK", "SEXUALLY_EXPLICIT",
    }  # fmt: skip
    assert scores["INSULT"]["summaryScore"]["value"] == 0.95


def test_every_field_of_perspective_is_accepted(client: FlaskClient) -> None:
    body = asking(
        "hello",
        doNotStore=True,
        spanAnnotations=False,
        languages=["en"],
        dropUnsupportedAttributes=False,
        sessionId="7",
        communityId="ours",
        context={"entries": [{"text": "before", "type": "PLAIN_TEXT"}, {}]},
    )
    body["comment"]["type"] = "PLAIN_TEXT"
    body["requestedAttributes"]["TOXICITY"] = {"scoreType": "PROBABILITY", "scoreThreshold": 0.0}
    assert client.post(ANALYZE, json=body).status_code == 200
    context = {"articleAndParentComment": {"article": {"text": "a"}, "parentComment": {"text": "b"}}, "entries": []}
    assert client.post(ANALYZE, json=body | {"context": context}).status_code == 200


def test_names_may_be_in_snake_case_and_null_is_as_good_as_left_out(client: FlaskClient) -> None:
    body = {
        "comment": {"text": "you idiot", "type": None},
        "requested_attributes": {"TOXICITY": {"score_threshold": "0.9", "score_type": 1}},
        "span_annotations": "true",
        "clientToken": None,
        "context": None,
    }
    answer = client.post(ANALYZE, json=body)
    assert answer.status_code == 200
    assert list(answer.get_json()["attributeScores"]) == ["TOXICITY"]


@pytest.mark.parametrize(("threshold", "kept"), [(0.96, True), (0.97, True), (0.98, False), (-1, True), (1.5, False)])
def test_an_attribute_below_its_threshold_is_left_out(client: FlaskClient, threshold: float, kept: bool) -> None:
    body = asking("you idiot", "TOXICITY", "INSULT")
    body["requestedAttributes"]["TOXICITY"]["scoreThreshold"] = threshold
    scores = client.post(ANALYZE, json=body).get_json()["attributeScores"]
    assert ("TOXICITY" in scores) is kept
    assert "INSULT" in scores


# --- spans ---


def spans(client: FlaskClient, text: str, query: str = "", **fields: Any) -> list[dict[str, Any]]:
    answer = client.post(ANALYZE + query, json=asking(text, **fields)).get_json()
    found: list[dict[str, Any]] = answer["attributeScores"]["TOXICITY"]["spanScores"]
    return found


def test_each_sentence_has_a_span_that_is_exact_in_the_original(client: FlaskClient) -> None:
    text = "  Café\u0301 👩‍👩‍👧‍👦 closed. You ïdiot, idiot 😡!\r\n\r\nBye\u200d now"
    found = spans(client, text, spanAnnotations=True)
    assert [text[s["begin"] : s["end"]] for s in found] == [
        "Café\u0301 👩‍👩‍👧‍👦 closed.",
        "You ïdiot, idiot 😡!",
        "Bye\u200d now",
    ]
    assert [s["score"]["value"] for s in found] == [0.03, 0.97, 0.03]


def test_offsets_can_be_counted_as_javascript_counts(client: FlaskClient) -> None:
    text = "😀 Hi 😀. You idiot 😡!"
    encoded = text.encode("utf-16-le")
    found = spans(client, text, "?offsets=utf16", spanAnnotations=True)
    assert [encoded[2 * s["begin"] : 2 * s["end"]].decode("utf-16-le") for s in found] == ["😀 Hi 😀.", "You idiot 😡!"]
    assert spans(client, text, "?offsets=utf16")[0]["end"] == len(encoded) // 2
    assert spans(client, text)[0]["end"] == len(text)


def test_a_score_is_the_same_with_and_without_spans(client: FlaskClient) -> None:
    text = "All fine here. You idiot."
    one, two = (
        client.post(ANALYZE, json=asking(text, spanAnnotations=s)).get_json()["attributeScores"]["TOXICITY"]
        for s in (False, True)
    )
    assert one["summaryScore"] == two["summaryScore"]
    assert len(one["spanScores"]) == 1
    assert len(two["spanScores"]) == 2


# --- refusals of the request's content ---


@pytest.mark.parametrize("text", ["", " \n\t", "\u200b\u200d\ufeff", "\u0335\u0336"])
def test_an_empty_comment(client: FlaskClient, text: str) -> None:
    refused(client.post(ANALYZE, json=asking(text)), "Comment must be non-empty.", "COMMENT_EMPTY")


@pytest.mark.parametrize("body", [{}, {"comment": {}}, {"comment": None}, {"requestedAttributes": {"TOXICITY": {}}}])
def test_a_request_without_a_comment(client: FlaskClient, body: dict[str, Any]) -> None:
    refused(client.post(ANALYZE, json=body), "Comment must be non-empty.", "COMMENT_EMPTY")


@pytest.mark.parametrize("character", ["a", "é", "語", "😀"])
def test_a_comment_may_have_20480_bytes_of_utf8_and_no_more(client: FlaskClient, character: str) -> None:
    longest = character * (20_480 // len(character.encode()))
    longest += "a" * (20_480 - len(longest.encode()))
    assert client.post(ANALYZE, json=asking(longest, languages=["en"])).status_code == 200
    answer = client.post(ANALYZE, json=asking(longest + "a", languages=["en"]))
    refused(answer, "Comment text too long.", "COMMENT_TOO_LONG")


@pytest.mark.parametrize("fields", [{"requestedAttributes": {}}, {"requestedAttributes": None}, {}])
def test_a_request_without_attributes_is_refused(client: FlaskClient, fields: dict[str, Any]) -> None:
    answer = client.post(ANALYZE, json={"comment": {"text": "hello"}} | fields)
    refused(answer, "Missing requested_attributes", "NO_REQUESTED_ATTRIBUTES")


def test_what_perspective_did_not_support_is_refused_in_its_words(client: FlaskClient) -> None:
    html = asking("<b>hello</b>")
    html["comment"]["type"] = "HTML"
    refused(client.post(ANALYZE, json=html), "Currently, only 'PLAIN_TEXT' comments are supported")
    raw = asking("hello")
    raw["requestedAttributes"]["TOXICITY"]["scoreType"] = "RAW"
    refused(client.post(ANALYZE, json=raw), "Requested score type RAW is not supported by attribute TOXICITY")
    both = {"entries": [{"text": "a"}], "articleAndParentComment": {"article": {"text": "b"}}}
    refused(
        client.post(ANALYZE, json=asking("hello", context=both)),
        "Context can have either entries or article_and_parent_comment, but both fields were populated.",
    )


class OneAttribute(WordClassifier):
    """A model of the original assignment: toxicity alone."""

    attributes = ("toxicity",)


@pytest.fixture
def toxicity_only() -> FlaskClient:
    settings = ServeSettings()
    service = Service({"odd": lambda: OneAttribute("odd")}, "odd", settings, TASK)  # type: ignore[dict-item,return-value]
    service.start()
    return create_app(service, settings).test_client()


@pytest.mark.parametrize("name", ["INSULT", "SPAM", "toxicity", "TOXICITY@6", ""])
def test_an_attribute_that_the_model_lacks_is_unknown(toxicity_only: FlaskClient, name: str) -> None:
    answer = toxicity_only.post(ANALYZE, json=asking("hello", "TOXICITY", name))
    shown = name or "(of other characters)"
    refused(answer, f"Unknown requested attribute: {shown}")


def test_it_is_left_out_instead_with_drop_unsupported_attributes(toxicity_only: FlaskClient) -> None:
    answer = toxicity_only.post(ANALYZE, json=asking("hello", "INSULT", "TOXICITY", dropUnsupportedAttributes=True))
    assert list(answer.get_json()["attributeScores"]) == ["TOXICITY"]
    answer = toxicity_only.post(ANALYZE, json=asking("hello", "INSULT", dropUnsupportedAttributes=True))
    assert answer.get_json() == {"attributeScores": {}, "languages": ["en"], "detectedLanguages": ["en"]}


# --- languages ---


def test_a_language_that_is_given_is_believed(client: FlaskClient) -> None:
    for languages in (["en"], ["en-GB"], ["EN"], ["en", "fr"]):
        answer = client.post(ANALYZE, json=asking(GERMAN, languages=languages))
        assert answer.status_code == 200
        assert answer.get_json()["languages"] == languages
        assert answer.get_json()["detectedLanguages"] == ["de"]


@pytest.mark.parametrize(
    ("languages", "shown"),
    [(["fr"], "fr"), (["de-AT", "en"], "de-AT"), (["zh_Hant"], "zh_Hant"), (["eng lish"], "und"), ([""], "und")],
)
def test_another_language_that_is_given_is_refused(client: FlaskClient, languages: list[str], shown: str) -> None:
    answer = client.post(ANALYZE, json=asking("hello", "INSULT", languages=languages))
    refused(
        answer,
        f"Attribute INSULT does not support request languages: {shown}",
        "LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE",
        languageNotSupportedByAttributeError={"requestedLanguages": [shown], "attribute": "INSULT"},
    )


def test_another_language_that_is_detected_is_refused(client: FlaskClient) -> None:
    refused(
        client.post(ANALYZE, json=asking(GERMAN)),
        "Attribute TOXICITY does not support request languages: de",
        "LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE",
        languageNotSupportedByAttributeError={"detectedLanguages": ["de"], "attribute": "TOXICITY"},
    )


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "idiot",
        "s t u p i d  i d i o t  y o u  a r e  s o  d u m b  t h a t  i t  h u r t s  t o  r e a d  y o u",
    ],
)
def test_english_is_never_refused_for_being_short_or_disguised(client: FlaskClient, text: str) -> None:
    answer = client.post(ANALYZE, json=asking(text))
    assert answer.status_code == 200
    assert answer.get_json()["languages"] == ["en"]


def test_attributes_of_another_language_are_dropped_with_drop_unsupported_attributes(client: FlaskClient) -> None:
    answer = client.post(ANALYZE, json=asking(GERMAN, dropUnsupportedAttributes=True))
    assert answer.get_json() == {"attributeScores": {}, "languages": ["de"], "detectedLanguages": ["de"]}


# --- the form of the request ---


@pytest.mark.parametrize(
    ("change", "field", "kind"),
    [
        (
            lambda b: b.update(comment="hello"),
            "comment",
            "type.googleapis.com/google.commentanalyzer.v1alpha1.TextEntry",
        ),
        (lambda b: b["comment"].update(text=7), "comment.text", "TYPE_STRING"),
        (lambda b: b["comment"].update(text="half \ud83d"), "comment.text", "TYPE_STRING"),
        (
            lambda b: b["comment"].update(type="PDF"),
            "comment.type",
            "type.googleapis.com/google.commentanalyzer.v1alpha1.TextType",
        ),
        (lambda b: b.update(requestedAttributes=["TOXICITY"]), "requested_attributes", "map of AttributeParameters"),
        (
            lambda b: b["requestedAttributes"].update(TOXICITY=True),
            "requested_attributes[0].value",
            "type.googleapis.com/google.commentanalyzer.v1alpha1.AttributeParameters",
        ),
        (
            lambda b: b["requestedAttributes"].update(TOXICITY={"scoreThreshold": "high"}),
            "requested_attributes[0].value.score_threshold",
            "TYPE_FLOAT",
        ),
        (
            lambda b: b["requestedAttributes"].update(TOXICITY={"scoreThreshold": 10**400}),
            "requested_attributes[0].value.score_threshold",
            "TYPE_FLOAT",
        ),
        (
            lambda b: b["requestedAttributes"].update(TOXICITY={"scoreThreshold": 1e39}),
            "requested_attributes[0].value.score_threshold",
            "TYPE_FLOAT",
        ),
        (
            lambda b: b["requestedAttributes"].update(TOXICITY={"scoreThreshold": True}),
            "requested_attributes[0].value.score_threshold",
            "TYPE_FLOAT",
        ),
        (lambda b: b.update(spanAnnotations=1), "span_annotations", "TYPE_BOOL"),
        (lambda b: b.update(languages="en"), "languages", "repeated string"),
        (lambda b: b.update(languages=["en", None]), "languages[1]", "TYPE_STRING"),
        (lambda b: b.update(clientToken=7), "client_token", "TYPE_STRING"),
        (lambda b: b.update(context={"entries": [{"text": []}]}), "context.entries[0].text", "TYPE_STRING"),
    ],
)
def test_a_wrong_type_is_named_by_its_place_and_never_by_its_value(
    client: FlaskClient, change: Callable[[Any], None], field: str, kind: str
) -> None:
    body = asking("hello")
    change(body)
    invalid(client.post(ANALYZE, json=body), f"Invalid value at '{field}' ({kind}).", field)


def test_an_unknown_field_is_refused_in_googles_words(client: FlaskClient) -> None:
    message = 'Invalid JSON payload received. Unknown name "x": Cannot find field.'
    invalid(client.post(ANALYZE, json=asking("hello", x=1)), message)
    nested = asking("hello")
    nested["comment"]["texts"] = "a"
    message = "Invalid JSON payload received. Unknown name \"texts\" at 'comment': Cannot find field."
    invalid(client.post(ANALYZE, json=nested), message, "comment")


def test_a_name_that_may_be_a_comment_is_not_repeated(client: FlaskClient) -> None:
    for body in (asking("hello", **{"you fool": 1}), asking("hello", "you fool")):
        assert b"fool" not in client.post(ANALYZE, json=body).data


def test_a_field_under_both_its_names_is_refused(client: FlaskClient) -> None:
    body = asking("hello", doNotStore=True, do_not_store=False)
    invalid(client.post(ANALYZE, json=body), "Invalid JSON payload received. Field 'do_not_store' is set twice.")


@pytest.mark.parametrize("body", ["[]", "7", '"hello"', "null", "true"])
def test_a_body_that_is_no_object(client: FlaskClient, body: str) -> None:
    answer = client.post(ANALYZE, data=body, content_type="application/json")
    invalid(answer, "Invalid JSON payload received. The body must be a JSON object.")


@pytest.mark.parametrize(
    "body", [b" ", b"{", b'{"a": NaN}', b'{"a": 1e999}', b"\xff", b"[" * 5000, b'{"comment": {}, "comment": {}}']
)
def test_a_body_that_is_no_json_has_googles_shape_too(client: FlaskClient, body: bytes) -> None:
    google_error(client.post(ANALYZE, data=body, content_type="application/json"), 400, "INVALID_ARGUMENT")


@pytest.mark.parametrize(
    "kind", [None, "application/json", "application/json; charset=utf-8", "text/plain;charset=UTF-8"]
)
def test_programs_that_perspective_answered_are_answered(client: FlaskClient, kind: str | None) -> None:
    answer = client.post(ANALYZE, data=json.dumps(asking("hello")), content_type=kind)
    assert answer.status_code == 200


def test_the_curl_line_of_perspectives_guide_works(client: FlaskClient) -> None:
    data = (
        '{comment: {text: "what kind of idiot name is foo?"}, languages: ["en"], requestedAttributes: {TOXICITY:{}} }'
    )
    answer = client.post(f"{ANALYZE}?key=YOUR_KEY_HERE", data=data, content_type="application/json")
    assert answer.get_json()["attributeScores"]["TOXICITY"]["summaryScore"]["value"] == 0.97


def test_a_form_is_no_json(client: FlaskClient) -> None:
    answer = client.post(ANALYZE, data={"comment": "hello"})
    google_error(answer, 415, "INVALID_ARGUMENT")


def test_addresses_and_methods_that_do_not_exist(client: FlaskClient) -> None:
    google_error(client.post("/v1alpha1/comments:judge", json={}), 404, "NOT_FOUND")
    google_error(client.get(ANALYZE), 405, "INVALID_ARGUMENT")


def test_what_the_gate_refuses_has_googles_shape(service: Service) -> None:
    settings = ServeSettings(body_bytes=100, requests_per_minute=1)
    client = create_app(service, settings).test_client()
    google_error(client.post(ANALYZE, json=asking("a" * 200)), 413, "INVALID_ARGUMENT")
    client.post(ANALYZE, json=asking("a"))
    google_error(client.post(ANALYZE, json=asking("a")), 429, "RESOURCE_EXHAUSTED")
    service.drain()
    google_error(client.post(ANALYZE, json=asking("a")), 503, "UNAVAILABLE")


# --- query parameters ---


@pytest.mark.parametrize(
    "query",
    ["alt=json", "key=anything", "prettyPrint=true", "prettyPrint=false", "$.xgafv=2", "fields=languages",
     "quotaUser=a", "access_token=a", "oauth_token=a", "callback=a", "uploadType=media", "upload_protocol=raw"],
)  # fmt: skip
def test_the_query_parameters_of_every_google_api_are_accepted(client: FlaskClient, query: str) -> None:
    answer = client.post(f"{ANALYZE}?{query}", json=asking("hello"))
    assert answer.status_code == 200
    assert answer.mimetype == "application/json"
    assert (b"\n" in answer.data) is (query == "prettyPrint=true")


@pytest.mark.parametrize(
    "query", ["alt=media", "prettyPrint=maybe", "calibrate=1", "calibrated=yes", "offsets=bytes", "text=a"]
)
def test_a_query_parameter_that_is_misspelt_is_refused(client: FlaskClient, query: str) -> None:
    error = google_error(client.post(f"{ANALYZE}?{query}", json=asking("hello")), 400, "INVALID_ARGUMENT")
    assert query.partition("=")[0] in error["message"]


# --- nothing of a comment is kept ---


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"languages": ["fr"]},
        {"x": 1},
        {"requestedAttributes": {"SPAM": {}}},
        {"comment": {"text": "canary-text", "type": "HTML"}},
        {"comment": ["canary-text"]},
        {"comment": {"canary-text of several words": 1}},
        {"requestedAttributes": {"canary-text of several words": {}}},
        {"languages": ["canary-text of several words"]},
        {"clientToken": ["canary-text"]},
    ],
)
def test_no_answer_and_no_log_line_holds_the_text(
    client: FlaskClient, change: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        answer = client.post(ANALYZE, json=asking("canary-text") | change)
    assert b"canary" not in answer.data
    assert "canary" not in caplog.text
    assert (answer.status_code == 200) is (change == {})
