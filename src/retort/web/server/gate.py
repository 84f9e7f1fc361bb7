"""WSGI middleware in front of the application: request ids, limits, the queue, metrics and the access log.

A request that cannot be served is refused here, in a fraction of a millisecond: under heavy load this is what
keeps answers coming.
"""

import logging
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from email.utils import formatdate
from typing import Any

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from retort.config import ServeSettings
from retort.web.server.errors import Refusal
from retort.web.server.metrics import Metrics
from retort.web.server.service import Service

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

# Keys of a request's WSGI environment, shared by the gate and the application.
REQUEST_ID = "retort.request_id"
REFUSAL = "retort.refusal"
ROUTE = "retort.route"
# Set by the server for a chunked body, which has no Content-Length.
CHUNKED = "HTTP_X_RETORT_CHUNKED"

UPLOAD = "/upload"
# Addresses for programs, refused in JSON; all others are for people, and refused with a page.
PROGRAMS = ("/api/", "/v1alpha1/", "/$discovery/", "/healthz", "/readyz", "/metrics")
_NEVER_REFUSED = ("/healthz", "/readyz", "/metrics")

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

# The first line of a request for scores.
_SCORING = re.compile(rb"POST (/api/v1/classify|/v1alpha1/comments:analyze)(?:\?[!-~]*)? HTTP/1\.1\r\n")
_NOT_PLAIN = (b"transfer-encoding", b"expect:", b"connection: close", b"upgrade:")
# Replaced by the request's id in a prepared refusal; as long as one.
_NO_ID = b"0" * 32
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d{1,9})\r\n")

log = logging.getLogger("retort.access")


class Gate:
    """Wraps the application: request ids, refusals, places in the queue, metrics and the access log."""

    def __init__(self, application: Application, service: Service, settings: ServeSettings, metrics: Metrics) -> None:
        self._application = application
        self._service = service
        self._settings = settings
        self._metrics = metrics
        self._places = _Places(settings.workers + settings.queue)
        # Path -> the second that its answer was made in, and the whole answer.
        self._refusals: dict[str, tuple[int, bytes]] = {}
        self._limiter = FixedWindowRateLimiter(MemoryStorage()) if settings.requests_per_minute else None

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        began = time.perf_counter()
        environ[REQUEST_ID] = request_id = uuid.uuid4().hex
        path = environ.get("PATH_INFO", "")
        status = 500

        def start(line: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            nonlocal status
            status = int(line[:3])
            headers.append(("X-Request-Id", request_id))
            return start_response(line, headers, *rest)

        has_place = False
        self._metrics.in_flight.inc()
        try:
            try:
                self._require_served(environ, path)
                has_place = self._take_place(environ)
            except Refusal as refusal:
                if path.startswith(PROGRAMS):
                    return refuse(refusal, path, request_id, start)
                # The page shows it as a sentence, and keeps the typed text.
                environ[REFUSAL] = refusal
            return self._application(environ, start)
        finally:
            if has_place:
                self._places.give()
            seconds = time.perf_counter() - began
            self._metrics.in_flight.dec()
            route = environ.get(ROUTE, "refused")
            self._metrics.answered(route, status, seconds)
            log.info("%s %s %d %.1f ms %s", environ["REQUEST_METHOD"], route, status, seconds * 1000, request_id)

    def refusal_at_once(self, data: bytes, queued: int = 0) -> bytes | None:
        """The whole answer to bytes that are one plain request for scores, when no place is free; else None.

        queued: how many requests were received but have not reached this gate; they will take free places.

        Called by the thread that reads the sockets. Parsing a request and handing it to another thread costs
        many times as much as refusing it; under heavy load that time would be taken from requests that are answered.
        """
        if self._places.free > queued or self._limiter or self._service.state != "ready":
            return None
        began = time.perf_counter()
        path = _plain_request_to(data)
        if path is None:
            return None
        request_id = uuid.uuid4().hex
        answer = self._prepared(path).replace(_NO_ID, request_id.encode())
        seconds = time.perf_counter() - began
        self._metrics.answered("refused", 429, seconds)
        log.info("POST refused 429 %.1f ms %s", seconds * 1000, request_id)
        return answer

    def _prepared(self, path: str) -> bytes:
        """The refusal that `path` gets in this second, for any request."""
        now = int(time.time())
        made, answer = self._refusals.get(path, (0, b""))
        if made != now:
            answer = _written(self._queue_full(), path, _NO_ID.decode(), now)
            self._refusals[path] = (now, answer)
        return answer

    def _require_served(self, environ: Environ, path: str) -> None:
        if path in _NEVER_REFUSED:
            return
        self._service.require_ready()
        if environ["REQUEST_METHOD"] in ("POST", "PUT", "PATCH"):
            _require_length(environ, self._settings.upload_body_bytes if path == UPLOAD else self._settings.body_bytes)
        if self._limiter and environ["REQUEST_METHOD"] == "POST":
            limit = RateLimitItemPerMinute(self._settings.requests_per_minute or 0)
            address = environ.get("REMOTE_ADDR", "")
            if not self._limiter.hit(limit, address):
                again = self._limiter.get_window_stats(limit, address).reset_time - time.time()
                raise Refusal(
                    429,
                    f"more than {limit.amount} requests a minute from one address",
                    "rate_limited",
                    limit=limit.amount,
                    retry_after=max(1, round(again)),
                )

    def _take_place(self, environ: Environ) -> bool:
        """Takes a place for a request for scores; other requests need none."""
        if environ["REQUEST_METHOD"] != "POST":
            return False
        if not self._places.take():
            raise self._queue_full()
        return True

    def _queue_full(self) -> Refusal:
        return Refusal(429, "too many requests are waiting; try again soon", "queue_full", limit=self._settings.queue)


def refuse(refusal: Refusal, path: str, request_id: str, start_response: StartResponse) -> list[bytes]:
    """The answer to a program whose request does not reach the application."""
    body = refusal.as_json(path, request_id)
    fixed = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    start_response(refusal.status_line, list((HEADERS | fixed | refusal.headers).items()))
    return [body]


class _Places:
    """How many more requests may wait or be scored."""

    def __init__(self, count: int) -> None:
        self.free = count
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Takes one, if there is any."""
        with self._lock:
            if not self.free:
                return False
            self.free -= 1
            return True

    def give(self) -> None:
        """Gives one back."""
        with self._lock:
            self.free += 1


def _plain_request_to(data: bytes) -> str | None:
    """The path of a request for scores, when `data` is exactly one whole and unambiguous request; else None.

    All others are handled by the application: other paths, partial bodies, connections that are not kept open.
    """
    line = _SCORING.match(data)
    end = data.find(b"\r\n\r\n")
    if line is None or end < 0:
        return None
    head = data[: end + 2].lower()
    length = _LENGTH.search(head)
    plain = head.count(b"content-length") == 1 and not any(word in head for word in _NOT_PLAIN)
    return line[1].decode() if plain and length and len(data) == end + 4 + int(length[1]) else None


def _written(refusal: Refusal, path: str, request_id: str, now: int) -> bytes:
    """A refusal as HTTP/1.1; `now` in seconds since 1970."""
    body = refusal.as_json(path, request_id)
    headers = (
        HEADERS
        | refusal.headers
        | {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Date": formatdate(now, usegmt=True),
            "X-Request-Id": request_id,
        }
    )
    lines = [f"HTTP/1.1 {refusal.status_line}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def _require_length(environ: Environ, limit: int) -> None:
    length = environ.get("CONTENT_LENGTH") or ""
    if CHUNKED in environ or not length.isdigit():
        raise Refusal(411, "the request has no Content-Length; send the body in one piece, with its length")
    if int(length) > limit:
        raise Refusal(413, f"the body has {int(length):,} bytes; at most {limit:,} are read", limit=limit)
