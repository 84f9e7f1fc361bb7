"""POST /v1alpha1/comments:suggestscore, and the one file that a server may write."""

import sqlite3
import stat
import threading
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from retort.config import ServeSettings
from retort.errors import ResourceError
from retort.web.app import create_app
from retort.web.perspective import feedback
from tests.web.conftest import service_with
from tests.web.perspective.test_analyze import google_error, invalid, refused

SUGGEST = "/v1alpha1/comments:suggestscore"
# As Coral sends it.
CORALS: dict[str, Any] = {
    "comment": {"text": "Was für ein Tag 🙂"},
    "context": {"entries": [{"text": '{"url": "https://example.org/story"}'}]},
    "attributeScores": {"APPROVED": {"summaryScore": {"value": 1}}},
    "languages": ["de"],
    "communityId": "Coral:https://example.org",
    "clientToken": "comment:7",
}


def kept(path: Path) -> list[tuple[Any, ...]]:
    with sqlite3.connect(path) as connection:
        return connection.execute(f"SELECT * FROM {feedback.TABLE} ORDER BY id").fetchall()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "feedback.sqlite"


@pytest.fixture
def keeping(file: Path) -> FlaskClient:
    settings = ServeSettings(feedback_file=file)
    return create_app(service_with(settings), settings).test_client()


def test_the_answer_is_the_token_whether_it_is_kept_or_not(client: FlaskClient, keeping: FlaskClient) -> None:
    for one in (client, keeping):
        answer = one.post(SUGGEST, json=CORALS)
        assert (answer.status_code, answer.get_json()) == (200, {"clientToken": "comment:7"})
        without = {key: value for key, value in CORALS.items() if key != "clientToken"}
        assert one.post(SUGGEST, json=without).get_json() == {}


def test_without_feedback_nothing_is_written(
    client: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite3, "connect", None)
    monkeypatch.chdir(tmp_path)
    assert client.post(SUGGEST, json=CORALS).status_code == 200
    assert list(tmp_path.iterdir()) == []


def test_every_score_of_a_suggestion_is_a_row(keeping: FlaskClient, file: Path) -> None:
    spans = [{"begin": 4, "end": 9, "score": {"value": 0.25, "type": "PROBABILITY"}}]
    body = CORALS | {
        "attributeScores": {
            "TOXICITY": {"summaryScore": {"value": 0.5}, "spanScores": spans},
            "INSULT": {"summaryScore": {}},
        },
        "sessionId": "s",
    }
    assert keeping.post(SUGGEST, json=body).status_code == 200
    about = ('["de"]', "Coral:https://example.org", "s", "comment:7")
    rows = kept(file)
    assert len(rows) == 3
    assert {row[3:] for row in rows} == {
        ("INSULT", 0.0, None, None, *about),
        ("TOXICITY", 0.25, 4, 9, *about),
        ("TOXICITY", 0.5, None, None, *about),
    }
    assert {row[2] for row in rows} == {"Was für ein Tag 🙂"}
    assert all(row[1].endswith("+00:00") for row in rows)


def test_do_not_store_is_respected(keeping: FlaskClient, file: Path) -> None:
    assert keeping.post(SUGGEST, json=CORALS | {"doNotStore": True}).get_json() == {"clientToken": "comment:7"}
    assert kept(file) == []
    assert b"Tag" not in file.read_bytes()


def test_nothing_is_kept_of_a_request_that_is_refused(keeping: FlaskClient, file: Path) -> None:
    for query in ("?prettyPrint=maybe", "?alt=media", "?offsets=utf16"):
        google_error(keeping.post(SUGGEST + query, json=CORALS), 400, "INVALID_ARGUMENT")
    assert kept(file) == []


def test_analyze_never_stores(keeping: FlaskClient, file: Path) -> None:
    body = {"comment": {"text": "canary"}, "requestedAttributes": {"TOXICITY": {}}, "doNotStore": False}
    assert keeping.post("/v1alpha1/comments:analyze", json=body).status_code == 200
    assert kept(file) == []


def test_the_file_is_its_owners_alone_and_goes_on_after_a_restart(keeping: FlaskClient, file: Path) -> None:
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    keeping.post(SUGGEST, json=CORALS)
    settings = ServeSettings(feedback_file=file)
    create_app(service_with(settings), settings).test_client().post(SUGGEST, json=CORALS)
    assert len(kept(file)) == 2


def test_many_threads_lose_nothing(keeping: FlaskClient, file: Path) -> None:
    app = keeping.application
    statuses: list[int] = []

    def suggest() -> None:
        client = app.test_client()
        statuses.extend(client.post(SUGGEST, json=CORALS).status_code for _ in range(10))

    threads = [threading.Thread(target=suggest) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 80
    assert len(kept(file)) == 80


def test_a_full_disk_is_answered_with_503_and_the_next_suggestion_is_stored_again(
    keeping: FlaskClient, file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = sqlite3.connect

    def with_full_disk(*arguments: Any, **named: Any) -> sqlite3.Connection:
        connection = real(*arguments, **named)
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        return connection

    # Far more than what is left in the file's pages.
    long = CORALS | {"comment": {"text": "canary " * 2000}}
    with monkeypatch.context() as patched:
        patched.setattr(feedback.sqlite3, "connect", with_full_disk)
        answer = keeping.post(SUGGEST, json=long)
    google_error(answer, 503, "UNAVAILABLE")
    assert answer.headers["Retry-After"] == "1"
    assert "database or disk is full" in caplog.text
    assert "canary" not in caplog.text
    assert kept(file) == []
    assert keeping.post(SUGGEST, json=long).status_code == 200
    assert len(kept(file)) == 1


def test_a_file_that_is_locked_or_spoilt_while_serving_is_503(
    keeping: FlaskClient, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feedback, "_SECONDS_TO_WAIT", 0.05)
    with sqlite3.connect(file) as other:
        other.execute("BEGIN EXCLUSIVE")
        google_error(keeping.post(SUGGEST, json=CORALS), 503, "UNAVAILABLE")
        other.rollback()
    file.write_bytes(b"no database " * 1000)
    google_error(keeping.post(SUGGEST, json=CORALS), 503, "UNAVAILABLE")


@pytest.mark.parametrize("content", [None, b"no database " * 1000])
def test_a_file_that_cannot_be_used_is_an_error_before_anything_is_served(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "no such folder" / "feedback.sqlite" if content is None else tmp_path / "notes.txt"
    if content is not None:
        path.write_bytes(content)
    settings = ServeSettings(feedback_file=path)
    with pytest.raises(ResourceError, match="name another --feedback"):
        create_app(service_with(settings), settings)
    assert content is None or path.read_bytes() == content


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (None, "Missing attribute_scores"),
        ({}, "Missing attribute_scores"),
        ({"TOXICITY": {}}, "Missing scores for attribute TOXICITY"),
        ({"TOXICITY": {"summaryScore": {"value": 1.5}}}, "A score of attribute TOXICITY is not between 0 and 1"),
        ({"TOXICITY": {"summaryScore": {"value": -0.1}}}, "A score of attribute TOXICITY is not between 0 and 1"),
        (
            {"TOXICITY": {"summaryScore": {"value": 1, "type": "RAW"}}},
            "Requested score type RAW is not supported by attribute TOXICITY",
        ),
        (
            {"TOXICITY": {"spanScores": [{"begin": 3, "end": 3, "score": {"value": 1}}]}},
            "A span score of attribute TOXICITY needs a score, and a begin and end in the text",
        ),
        (
            {"TOXICITY": {"spanScores": [{"begin": 0, "end": 99, "score": {"value": 1}}]}},
            "A span score of attribute TOXICITY needs a score, and a begin and end in the text",
        ),
        (
            {"TOXICITY": {"spanScores": [{"begin": 0, "end": 3}]}},
            "A span score of attribute TOXICITY needs a score, and a begin and end in the text",
        ),
    ],
)
def test_a_suggestion_that_suggests_nothing_is_refused(client: FlaskClient, scores: Any, message: str) -> None:
    refused(client.post(SUGGEST, json=CORALS | {"attributeScores": scores}), message)


def test_the_comment_is_checked_as_analyze_checks_it(client: FlaskClient) -> None:
    refused(client.post(SUGGEST, json=CORALS | {"comment": {}}), "Comment must be non-empty.", "COMMENT_EMPTY")
    answer = client.post(SUGGEST, json=CORALS | {"comment": {"text": "ä" * 10_241}})
    refused(answer, "Comment text too long.", "COMMENT_TOO_LONG")
    message = 'Invalid JSON payload received. Unknown name "requestedAttributes": Cannot find field.'
    invalid(client.post(SUGGEST, json=CORALS | {"requestedAttributes": {}}), message)
