"""The server on a real socket: requests as strangers send them, and an end without a lost request."""

import http.client
import itertools
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from retort.config import ServeSettings
from retort.errors import ModelError, ResourceError
from retort.web.app import create_app
from retort.web.server.process import Server
from retort.web.server.service import Service
from tests.web.conftest import TASK, WordClassifier, service_with

CLASSIFY = "/api/v1/classify"


@contextmanager
def serving(settings: ServeSettings, service: Service) -> Iterator[Server]:
    """The server in a thread, ready; stopped and joined afterwards."""
    server = Server(create_app(service, settings), service, settings)
    ready = threading.Event()
    thread = threading.Thread(target=server.run, args=(ready.set,))
    thread.start()
    assert ready.wait(20)
    try:
        yield server
    finally:
        server.stop()
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture
def settings() -> ServeSettings:
    return ServeSettings(port=0)


@pytest.fixture
def server(settings: ServeSettings) -> Iterator[Server]:
    with serving(settings, service_with(settings)) as running:
        yield running


def connection(server: Server) -> http.client.HTTPConnection:
    host, _, port = server.url.removeprefix("http://").rpartition(":")
    return http.client.HTTPConnection(host, int(port), timeout=20)


def classify(server: Server, text: str = "a fine day") -> tuple[int, Any]:
    asked = connection(server)
    asked.request("POST", CLASSIFY, json.dumps({"texts": [text]}), {"Content-Type": "application/json"})
    answer = asked.getresponse()
    body = json.loads(answer.read())
    asked.close()
    return answer.status, body


def raw(server: Server, request: bytes) -> tuple[int, bytes, bytes]:
    """Sends bytes as they are; returns status, head and body of the first answer."""
    host, _, port = server.url.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=20) as sent:
        sent.sendall(request)
        got = b""
        while b"\r\n\r\n" not in got:
            piece = sent.recv(65_536)
            if not piece:
                break
            got += piece
        head, _, body = got.partition(b"\r\n\r\n")
        length = next(int(h.split(b":")[1]) for h in head.lower().split(b"\r\n") if h.startswith(b"content-length"))
        while len(body) < length:
            body += sent.recv(65_536)
    return int(head.split()[1]), head, body


def test_it_answers_over_a_socket_and_keeps_the_connection(server: Server) -> None:
    kept = connection(server)
    for _ in range(3):
        kept.request("POST", CLASSIFY, json.dumps({"texts": ["an idiot"]}), {"Content-Type": "application/json"})
        answer = kept.getresponse()
        assert json.loads(answer.read())["results"][0]["verdict"] == "toxic"
        assert answer.getheader("Server") is None
    kept.close()


def test_a_chunked_body_is_refused_with_411(server: Server) -> None:
    request = (
        b"POST /api/v1/classify HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b'Transfer-Encoding: chunked\r\n\r\n12\r\n{"texts": ["abcd"]\r\n1\r\n}\r\n0\r\n\r\n'
    )
    status, _, body = raw(server, request)
    assert (status, json.loads(body)["error"]["code"]) == (411, "length_required")


def test_a_post_without_any_length_is_refused_with_411(server: Server) -> None:
    request = b"POST /api/v1/classify HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\r\n"
    status, _, body = raw(server, request)
    assert (status, json.loads(body)["error"]["code"]) == (411, "length_required")


def test_a_client_cannot_set_the_mark_of_a_chunked_body(server: Server) -> None:
    body = b'{"texts": ["a"]}'
    head = f"POST /api/v1/classify HTTP/1.1\r\nHost: x\r\nX-Retort-Chunked: 1\r\nContent-Length: {len(body)}\r\n"
    status, _, _ = raw(server, head.encode() + b"Content-Type: application/json\r\n\r\n" + body)
    assert status == 200


def test_a_body_beyond_all_limits_is_refused_unread_in_our_shape(server: Server) -> None:
    status, _, body = raw(server, b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n")
    assert (status, json.loads(body)["error"]["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /x HTTP/1.1\r\nHost : broken\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: minus\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
        b"\x00\x01\x02 / HTTP/1.1\r\n\r\n",
    ],
)
def test_data_that_is_not_http_gets_400_in_the_usual_shape(server: Server, request_: bytes) -> None:
    status, head, body = raw(server, request_)
    assert status == 400
    assert json.loads(body)["error"]["code"] == "bad_request"
    assert b"default-src 'none'" in head


def test_clients_that_send_no_http_and_are_gone_leave_no_traceback(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    host, _, port = server.url.removeprefix("http://").rpartition(":")
    for _ in range(100):
        with socket.create_connection((host, int(port))) as gone:
            gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            gone.sendall(b"\x00\x01 no http\r\n\r\n")
    # While bytes of theirs are still queued, the server cannot tell that they are no requests.
    deadline = time.monotonic() + 20
    while (status := classify(server)[0]) == 429 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert status == 200
    assert not [record for record in caplog.records if record.exc_info]


def test_below_the_perspective_address_the_servers_own_errors_have_googles_shape(server: Server) -> None:
    request = b"POST /v1alpha1/comments:analyze HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n"
    status, _, body = raw(server, request)
    assert (status, json.loads(body)["error"]["code"]) == (413, 413)


def test_half_sent_requests_do_not_delay_others(server: Server) -> None:
    host, _, port = server.url.removeprefix("http://").rpartition(":")
    half = [socket.create_connection((host, int(port))) for _ in range(200)]
    for one in half:
        one.sendall(b"POST /api/v1/classify HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    assert classify(server)[0] == 200
    for one in half:
        one.close()


def test_a_connection_that_stays_half_sent_is_closed() -> None:
    settings = ServeSettings(port=0, idle_seconds=1)
    with serving(settings, service_with(settings)) as server:
        host, _, port = server.url.removeprefix("http://").rpartition(":")
        with socket.create_connection((host, int(port)), timeout=15) as half:
            half.sendall(b"POST /api/v1/classify HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
            assert half.recv(1) == b""


def test_until_the_model_is_loaded_it_listens_and_answers_503(settings: ServeSettings) -> None:
    loaded = threading.Event()

    def slow() -> Any:
        assert loaded.wait(20)
        return WordClassifier("odd")

    service = Service({"odd": slow}, "odd", settings, TASK)
    server = Server(create_app(service, settings), service, settings)
    ready = threading.Event()
    thread = threading.Thread(target=server.run, args=(ready.set,))
    thread.start()
    try:
        assert classify(server)[0] == 503
        assert not ready.is_set()
        loaded.set()
        assert ready.wait(20)
        assert classify(server)[0] == 200
    finally:
        loaded.set()
        server.stop()
        thread.join(20)


def test_a_model_that_fails_its_check_ends_the_server_with_its_own_error(settings: ServeSettings) -> None:
    def unfit() -> Any:
        raise ModelError("odd: changed since manifest.json was written")

    service = Service({"odd": unfit}, "odd", settings, TASK)
    with pytest.raises(ModelError, match="changed since"):
        Server(create_app(service, settings), service, settings).run(lambda: None)


def test_an_address_in_use_is_an_error_of_one_line(server: Server, settings: ServeSettings) -> None:
    taken = settings.model_copy(update={"port": int(server.url.rpartition(":")[2])})
    service = service_with(taken)
    with pytest.raises(ResourceError, match="name another --port"):
        Server(create_app(service, taken), service, taken)


def _held(monkeypatch: pytest.MonkeyPatch) -> tuple[threading.Semaphore, threading.Event]:
    """Makes the service answer only once the event is set; the semaphore counts requests that were accepted."""
    accepted, go = threading.Semaphore(0), threading.Event()
    plain: Callable[..., Any] = Service.read

    def waits(service: Service, *arguments: Any) -> Any:
        accepted.release()
        assert go.wait(20)
        return plain(service, *arguments)

    monkeypatch.setattr(Service, "read", waits)
    return accepted, go


def test_what_was_accepted_is_answered_while_new_requests_are_refused(
    settings: ServeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    accepted, go = _held(monkeypatch)
    with serving(settings, service_with(settings)) as server:
        answers: list[int] = []
        asking = [threading.Thread(target=lambda: answers.append(classify(server)[0])) for _ in range(4)]
        for thread in asking:
            thread.start()
        for _ in asking:
            assert accepted.acquire(timeout=20)
        server.stop()
        status, body = classify(server)
        assert (status, body["error"]["code"]) == (503, "draining")
        go.set()
        for thread in asking:
            thread.join(20)
        assert answers == [200] * 4


def test_a_transfer_coding_that_is_not_known_is_the_senders_fault(server: Server) -> None:
    request = b"POST /api/v1/classify HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n"
    status, _, body = raw(server, request)
    assert (status, json.loads(body)["error"]["code"]) == (400, "bad_request")


@pytest.mark.parametrize("path", [CLASSIFY, "/v1alpha1/comments:analyze", "/v1alpha1/comments:analyze?key=abc"])
def test_a_full_queue_answers_plain_requests_and_any_others_with_the_same_refusal(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    accepted, go = _held(monkeypatch)
    settings = ServeSettings(port=0, queue=1)
    with serving(settings, service_with(settings)) as server:
        asking = [threading.Thread(target=classify, args=(server,)) for _ in range(2)]
        for thread in asking:
            thread.start()
        for _ in asking:
            assert accepted.acquire(timeout=20)
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
        at_once = raw(server, head.encode() + b"\r\n{}")
        # With this the thread that reads the sockets leaves it to the application.
        ordinary = raw(server, head.encode() + b"Connection: close\r\n\r\n{}")
        go.set()
        for thread in asking:
            thread.join(20)

        def lasting(answer: tuple[int, bytes, bytes]) -> tuple[set[bytes], Any]:
            _, head, body = answer
            lines = {line for line in head.split(b"\r\n") if not line.startswith((b"Date", b"X-Request-Id", b"Connec"))}
            content = json.loads(body)
            content.pop("request_id", None)
            return lines, content

        assert at_once[0] == 429
        assert lasting(at_once) == lasting(ordinary)
        ids = [line for line in at_once[1].split(b"\r\n") if line.startswith(b"X-Request-Id: ")]
        assert len(ids) == 1
        assert ids[0] != b"X-Request-Id: " + b"0" * 32
        assert classify(server)[0] == 200


def test_clients_that_retry_do_not_keep_the_server_from_ending(
    settings: ServeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()
    pauses = itertools.cycle([0.05, 0.12, 0.23, 0.31])
    plain = Service.require_ready

    def slowly(service: Service) -> None:
        if service.state == "draining":
            time.sleep(next(pauses))  # so that at every moment some refusal is on its way
        plain(service)

    def insist() -> None:
        while not ended.is_set():
            try:
                classify(server)
            except OSError:
                time.sleep(0.001)

    monkeypatch.setattr(Service, "require_ready", slowly)
    with serving(settings, service_with(settings)) as server:
        clients = [threading.Thread(target=insist, daemon=True) for _ in range(6)]
        for client in clients:
            client.start()
        assert classify(server)[0] == 200
        began = time.monotonic()
    took = time.monotonic() - began
    ended.set()
    for client in clients:
        client.join(20)
    assert took < settings.drain_seconds / 3


def test_the_last_answer_on_a_connection_announces_its_end(
    settings: ServeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    accepted, go = _held(monkeypatch)
    answers: list[tuple[int, str | None]] = []

    def ask() -> None:
        kept = connection(server)
        kept.request("POST", CLASSIFY, json.dumps({"texts": ["a"]}), {"Content-Type": "application/json"})
        answer = kept.getresponse()
        answer.read()
        answers.append((answer.status, answer.getheader("Connection")))
        kept.close()

    with serving(settings, service_with(settings)) as server:
        asking = threading.Thread(target=ask)
        asking.start()
        assert accepted.acquire(timeout=20)
        server.stop()
        assert classify(server)[0] == 503
        go.set()
        asking.join(20)
    assert answers == [(200, "close")]


def test_a_server_stopped_while_it_loads_does_not_become_ready(settings: ServeSettings) -> None:
    loaded = threading.Event()

    def slow() -> Any:
        assert loaded.wait(20)
        return WordClassifier("odd")

    service = Service({"odd": slow}, "odd", settings, TASK)
    loading = threading.Thread(target=service.start)
    loading.start()
    service.drain()
    loaded.set()
    loading.join(20)
    assert service.state == "draining"
