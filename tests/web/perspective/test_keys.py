"""The keys of a server: without one of them the Perspective routes refuse, and no key is logged."""

import logging

import pytest
from flask import Flask

from retort.config import ServeSettings
from retort.web.app import create_app
from retort.web.server.service import Service
from tests.web.perspective.test_analyze import asking, google_error


@pytest.fixture
def guarded(service: Service) -> Flask:
    return create_app(service, ServeSettings(keys=("first-key", "schlüssel")))


@pytest.mark.parametrize("method", ["analyze", "suggestscore"])
def test_one_of_the_servers_keys_opens_it_in_the_query_or_the_header(guarded: Flask, method: str) -> None:
    client, path = guarded.test_client(), f"/v1alpha1/comments:{method}"
    body = (
        asking("hello")
        if method == "analyze"
        else {"comment": {"text": "a"}, "attributeScores": {"A": {"summaryScore": {}}}}
    )
    for key in ("first-key", "schlüssel"):
        assert client.post(path, json=body, query_string={"key": key}).status_code == 200
    assert client.post(path, json=body, headers={"X-Goog-Api-Key": "first-key"}).status_code == 200


@pytest.mark.parametrize("method", ["analyze", "suggestscore"])
def test_without_a_key_or_with_a_wrong_one_it_stays_shut(
    guarded: Flask, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    client, path = guarded.test_client(), f"/v1alpha1/comments:{method}"
    with caplog.at_level(logging.DEBUG):
        for query in ("", "?key="):
            error = google_error(client.post(path + query, json=asking("hello")), 403, "PERMISSION_DENIED")
            assert "unregistered callers" in error["message"]
        for answer in (
            client.post(f"{path}?key=secret-guess", json=asking("hello")),
            client.post(path, json=asking("hello"), headers={"x-goog-api-key": "secret-guess"}),
        ):
            error = google_error(answer, 400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.")
            assert error["details"][0]["reason"] == "API_KEY_INVALID"
            assert b"secret-guess" not in answer.data
    assert "secret-guess" not in caplog.text
    assert "first-key" not in caplog.text


def test_the_discovery_document_needs_no_key(guarded: Flask) -> None:
    assert guarded.test_client().get("/$discovery/rest?version=v1alpha1").status_code == 200
