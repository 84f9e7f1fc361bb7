"""Before the application: queue, rate, state of the server, metrics and the access log."""

import logging
import threading
from typing import Any

import pytest
from flask.testing import FlaskClient

from retort.config import ServeSettings
from retort.web.app import create_app
from retort.web.server.service import Service
from tests.web.conftest import WordClassifier, service_with

CLASSIFY = "/api/v1/classify"
ANALYZE = "/v1alpha1/comments:analyze"


class Held:
    """Classifiers that answer only once they are let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go = threading.Event()
        self.entered = threading.Semaphore(0)
        plain = WordClassifier.read

        def waits(classifier: WordClassifier, texts: Any) -> Any:
            self.entered.release()
            assert self.go.wait(20)
            return plain(classifier, texts)

        monkeypatch.setattr(WordClassifier, "read", waits)


def test_when_the_queue_is_full_a_request_is_refused_at_once_and_the_waiting_ones_are_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held = Held(monkeypatch)
    settings = ServeSettings(queue=2, workers=1)
    app = create_app(service_with(settings), settings)
    statuses: list[int] = []

    def ask() -> None:
        statuses.append(app.test_client().post(CLASSIFY, json={"texts": ["a"]}).status_code)

    waiting = [threading.Thread(target=ask) for _ in range(3)]
    for thread in waiting:
        thread.start()
    assert held.entered.acquire(timeout=10)
    refusal = None
    for _ in range(200):  # the other two take their places in their own time
        refusal = app.test_client().post(CLASSIFY, json={"texts": ["a"]}) if _places_taken(app) == 3 else None
        if refusal is not None:
            break
        threading.Event().wait(0.01)
    assert refusal is not None
    assert refusal.status_code == 429
    assert refusal.get_json()["error"]["code"] == "queue_full"
    assert refusal.headers["Retry-After"] == "1"
    google = app.test_client().post(ANALYZE, json={})
    assert (google.status_code, google.get_json()["error"]["status"]) == (429, "RESOURCE_EXHAUSTED")
    assert app.test_client().get("/healthz").status_code == 200
    held.go.set()
    for thread in waiting:
        thread.join()
    assert statuses == [200, 200, 200]
    assert app.test_client().post(CLASSIFY, json={"texts": ["a"]}).status_code == 200


def _places_taken(app: Any) -> float:
    figures = app.test_client().get("/metrics").text
    line = next(line for line in figures.splitlines() if line.startswith("retort_requests_in_flight "))
    return float(line.split()[1]) - 1  # the one that asks


def test_one_address_may_send_only_so_many_requests_a_minute() -> None:
    settings = ServeSettings(requests_per_minute=3)
    client = create_app(service_with(settings), settings).test_client()
    answers = [client.post(CLASSIFY, json={"texts": ["a"]}) for _ in range(4)]
    assert [a.status_code for a in answers] == [200, 200, 200, 429]
    assert answers[3].get_json()["error"]["code"] == "rate_limited"
    assert 1 <= int(answers[3].headers["Retry-After"]) <= 60
    other = client.post(CLASSIFY, json={"texts": ["a"]}, environ_overrides={"REMOTE_ADDR": "192.0.2.7"})
    assert other.status_code == 200


@pytest.mark.parametrize("state", ["loading", "draining", "failed"])
def test_a_server_that_is_not_ready_answers_503_and_is_alive(
    service: Service, settings: ServeSettings, state: Any
) -> None:
    service.state = state
    client = create_app(service, settings).test_client()
    answer = client.post(CLASSIFY, json={"texts": ["a"]})
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (503, state)
    assert answer.headers["Retry-After"]
    assert client.get("/readyz").status_code == 503
    assert client.get("/healthz").status_code == 200
    google = client.post(ANALYZE, json={})
    assert (google.status_code, google.get_json()["error"]["status"]) == (503, "UNAVAILABLE")


def test_metrics_count_requests_by_rule_and_comments_by_verdict(client: FlaskClient) -> None:
    client.post(CLASSIFY, json={"texts": ["fine", "idiot"]})
    client.get("/api/v1/some-canary-path")
    figures = client.get("/metrics").text
    assert 'retort_requests_total{route="/api/v1/classify",status="200"} 1.0' in figures
    assert 'retort_texts_total{model="odd",verdict="toxic"} 1.0' in figures
    assert "canary" not in figures


def test_the_access_log_names_the_rule_and_never_what_was_sent(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        client.post(CLASSIFY, json={"texts": ["a canary sang"]}, query_string={"key": "canary-key"})
        client.get("/canary/path")
    lines = [r.getMessage() for r in caplog.records if r.name == "retort.access"]
    assert any(line.startswith("POST /api/v1/classify 200") for line in lines)
    assert "canary" not in caplog.text


_PLAIN = b"POST /api/v1/classify HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"


def _full_gate() -> Any:
    settings = ServeSettings(queue=1, workers=1)
    gate: Any = create_app(service_with(settings), settings).wsgi_app
    assert gate._places.take()
    assert gate._places.take()
    assert not gate._places.take()
    return gate


def test_a_plain_request_is_refused_at_once_only_while_no_place_is_free() -> None:
    gate = _full_gate()
    first, second = gate.refusal_at_once(_PLAIN), gate.refusal_at_once(_PLAIN)
    assert first.startswith(b"HTTP/1.1 429 ")
    assert first != second  # each has an id of its own
    gate._places.give()
    assert gate.refusal_at_once(_PLAIN) is None
    assert gate.refusal_at_once(_PLAIN, queued=1) is not None


@pytest.mark.parametrize(
    "request_",
    [
        _PLAIN[:-1],
        _PLAIN + b"G",
        _PLAIN.replace(b"POST", b"GET"),
        _PLAIN.replace(b"classify", b"arms"),
        _PLAIN.replace(b"/api/v1/classify", b"/"),
        _PLAIN.replace(b"1.1", b"1.0"),
        _PLAIN.replace(b"Host: x", b"Connection: close"),
        _PLAIN.replace(b"Host: x", b"Transfer-Encoding: chunked"),
        _PLAIN.replace(b"Host: x", b"Expect: 100-continue"),
        _PLAIN.replace(b"Length: 2", b"Length: 2\r\nContent-Length: 3"),
        _PLAIN.replace(b"Length: 2", b"Length: -2"),
        _PLAIN.replace(b"Host: x\r\nContent-Length: 2", b"Host: x"),
        b"",
    ],
)
def test_what_is_not_plainly_one_whole_request_is_left_to_the_application(request_: bytes) -> None:
    assert _full_gate().refusal_at_once(request_) is None


def test_a_refusal_at_once_is_counted_like_any_other() -> None:
    settings = ServeSettings(queue=1, workers=1)
    app = create_app(service_with(settings), settings)
    gate: Any = app.wsgi_app
    while gate._places.take():
        pass
    assert gate.refusal_at_once(_PLAIN) is not None
    figures = app.test_client().get("/metrics").text
    assert 'retort_requests_total{route="refused",status="429"} 1.0' in figures
