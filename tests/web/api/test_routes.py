"""POST /api/v1/classify and its neighbours: the answers, and every refusal in one shape."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from retort.config import ServeSettings
from retort.web.app import create_app
from retort.web.server.errors import Refusal
from retort.web.server.service import Service
from tests.web.conftest import TASK, WordClassifier, service_with

CLASSIFY = "/api/v1/classify"


def refused(answer: Any, status: int, code: str, field: str | None = None, limit: float | None = None) -> None:
    assert answer.status_code == status, answer.data
    assert answer.mimetype == "application/json"
    body = answer.get_json()
    assert set(body) == {"error", "request_id"}
    assert set(body["error"]) == {"code", "message", "field", "limit"}
    assert (body["error"]["code"], body["error"]["field"], body["error"]["limit"]) == (code, field, limit)
    assert body["error"]["message"]
    assert answer.headers["X-Request-Id"]


def test_a_text_gets_the_keys_of_predict_and_what_was_read(client: FlaskClient) -> None:
    answer = client.post(CLASSIFY, json={"texts": ["a fine day", "you idiot"]})
    assert answer.status_code == 200
    body = answer.get_json()
    assert body["model"] == {"name": "odd", "sha256": "0" * 64, "arm": "odd"}
    assert [r["verdict"] for r in body["results"]] == ["non-toxic", "toxic"]
    second = body["results"][1]
    assert set(second) == {
        "text_index", "verdict", "threshold", "probabilities", "tokens", "windows", "warnings", "highlights",
    }  # fmt: skip
    assert second["text_index"] == 1
    assert second["threshold"] == 0.5
    assert set(second["probabilities"]) == set(TASK.names)
    assert (second["tokens"], second["windows"], second["highlights"]) == (2, 1, [])


def test_explained_answers_point_at_the_word_in_the_text_as_sent(client: FlaskClient) -> None:
    text = "🙂 what an idiot he is"
    answer = client.post(CLASSIFY, json={"texts": [text], "explain": True}).get_json()
    found = answer["results"][0]["highlights"]
    assert [text[h["begin"] : h["end"]] for h in found] == ["idiot"]
    assert found[0]["weight"] > 0


@pytest.mark.parametrize("chosen", [{"model": "tfidf"}, {"arm": "tfidf"}, {"model": "tfidf", "arm": "tfidf"}])
def test_another_model_answers_when_it_is_named_also_by_the_former_field(
    client: FlaskClient, chosen: dict[str, str]
) -> None:
    body = client.post(CLASSIFY, json={"texts": ["a"], **chosen}).get_json()
    assert body["model"]["name"] == body["model"]["arm"] == "tfidf"


def test_the_models_are_listed_and_the_default_one_is_named(client: FlaskClient) -> None:
    body = client.get("/api/v1/models").get_json()
    assert body["default"] == "odd"
    assert [model["name"] for model in body["models"]] == ["odd", "even", "teacher", "tfidf"]
    assert [model["loaded"] for model in body["models"]] == [True, False, False, False]
    assert body["models"][0]["attributes"] == list(TASK.names)
    assert body["models"][1]["sha256"] is None


def test_the_former_address_answers_as_before(client: FlaskClient) -> None:
    body = client.get("/api/v1/arms").get_json()
    assert set(body) == {"default", "arms"}
    assert set(body["arms"][0]) == {"arm", "loaded", "format", "sha256", "attributes", "thresholds", "max_length"}
    assert body["arms"][1] == {"arm": "even", "loaded": False}


@pytest.mark.parametrize(
    ("body", "code", "field", "limit"),
    [
        ({"texts": ["ok"], "model": "od"}, "invalid", "model", None),
        ({"texts": ["ok"], "arm": "od"}, "invalid", "model", None),
        ({"texts": ["ok"], "model": "even", "arm": "odd"}, "invalid", "arm", None),
        ({"texts": [""]}, "blank_text", "texts[0]", None),
        ({"texts": []}, "no_texts", "texts", None),
        ({}, "missing_field", "texts", None),
        ([], "wrong_type", None, None),
        ({"texts": "one"}, "wrong_type", "texts", None),
        ({"texts": ["ok", 3]}, "wrong_type", "texts[1]", None),
        ({"texts": ["ok"], "explain": "yes"}, "wrong_type", "explain", None),
        ({"texts": ["ok"], "explian": True}, "unknown_field", "explian", None),
        ({"texts": ["ok"] * 33}, "too_many_texts", "texts", 32),
        ({"texts": ["ok", "x" * 20_001]}, "text_too_long", "texts[1]", 20_000),
        ({"texts": [" \u200b\n"]}, "blank_text", "texts[0]", None),
        ({"texts": ["half \ud800"]}, "lone_surrogate", "texts[0]", None),
    ],
)
def test_json_that_is_not_what_is_wanted_is_422(
    client: FlaskClient, body: Any, code: str, field: str | None, limit: float | None
) -> None:
    refused(client.post(CLASSIFY, json=body), 422, code, field, limit)


def test_the_longest_text_and_the_most_texts_are_read(client: FlaskClient) -> None:
    assert client.post(CLASSIFY, json={"texts": ["x" * 20_000]}).status_code == 200
    assert client.post(CLASSIFY, json={"texts": ["ok"] * 32}).status_code == 200


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "not_json"),
        (b"\xff", "not_utf8"),
        (b'{"texts": ["a"], "texts": ["b"]}', "duplicate_key"),
        (b'{"texts": NaN}', "not_finite"),
        (b"[" * 5000, "nested_too_deep"),
    ],
)
def test_a_body_that_is_no_json_is_400(client: FlaskClient, body: bytes, code: str) -> None:
    answer = client.post(CLASSIFY, data=body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.get_json()["error"]["code"] == code


def test_a_body_that_does_not_call_itself_json_is_415(client: FlaskClient) -> None:
    refused(client.post(CLASSIFY, data=b'{"texts": ["a"]}', content_type="text/plain"), 415, "unsupported_media_type")


def test_a_body_over_the_limit_is_413(client: FlaskClient) -> None:
    body = json.dumps({"texts": ["a"], "pad": "x" * 300_000})
    refused(client.post(CLASSIFY, data=body, content_type="application/json"), 413, "too_large", limit=256 * 1024)


def test_a_body_without_its_length_is_411(client: FlaskClient) -> None:
    answer = client.post(CLASSIFY, environ_overrides={"CONTENT_LENGTH": ""}, content_type="application/json")
    refused(answer, 411, "length_required")


def test_an_address_that_is_nothing_here_is_404_and_a_wrong_method_405(client: FlaskClient) -> None:
    refused(client.get("/api/v2/classify"), 404, "not_found")
    answer = client.get(CLASSIFY)
    refused(answer, 405, "method_not_allowed")
    assert "POST" in answer.headers["Allow"]


def test_an_unexpected_error_is_500_in_the_same_shape_and_quotes_nothing(
    service: Service, settings: ServeSettings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(self: WordClassifier, texts: Any) -> Any:
        raise RuntimeError(f"cannot read {texts}")

    monkeypatch.setattr(WordClassifier, "read", broken)
    answer = create_app(service, settings).test_client().post(CLASSIFY, json={"texts": ["a secret word"]})
    refused(answer, 500, "internal")
    assert b"secret" not in answer.data
    assert "RuntimeError" in caplog.text
    assert "secret" not in caplog.text


def test_a_deadline_that_passes_is_504(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = ServeSettings(deadline_seconds=1e-9)
    refused(
        create_app(service_with(settings), settings).test_client().post(CLASSIFY, json={"texts": ["a"]}),
        504,
        "deadline_exceeded",
        limit=1e-9,
    )


def test_a_model_that_cannot_be_loaded_is_503_and_the_others_still_answer(settings: ServeSettings) -> None:
    from retort.errors import ModelError

    def unfit() -> Any:
        raise ModelError("odd: changed since manifest.json was written")

    service = Service({"odd": lambda: WordClassifier("odd"), "even": unfit}, "odd", settings, TASK)  # type: ignore[dict-item, return-value]
    service.start()
    client = create_app(service, settings).test_client()
    refused(client.post(CLASSIFY, json={"texts": ["a"], "model": "even"}), 503, "failed")
    assert client.post(CLASSIFY, json={"texts": ["a"]}).status_code == 200


def test_every_answer_carries_the_headers_that_keep_a_browser_safe(client: FlaskClient) -> None:
    answers = [
        client.get("/healthz"),
        client.get("/api/v1/nothing"),
        client.post(CLASSIFY, json={"texts": ["a"]}),
        client.post(CLASSIFY, environ_overrides={"CONTENT_LENGTH": ""}),
    ]
    for answer in answers:
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_a_refusal_has_the_time_of_a_retry() -> None:
    assert Refusal(429, "full").headers["Retry-After"] == "1"
    assert Refusal(503, "loading", retry_after=7).headers["Retry-After"] == "7"
