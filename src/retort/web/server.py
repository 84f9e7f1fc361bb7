"""The server process: waitress in front, the model loaded behind it, and an end without a lost request.

Waitress reads whole requests before a thread sees them, so that slow senders hold no thread. What it lacks
is here: our error shape for requests that never reach the application, and draining on SIGTERM.
"""

import contextlib
import logging
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, cast

from flask import Flask
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import TcpWSGIServer
from waitress.task import ErrorTask, WSGITask

from retort.config import ServeSettings
from retort.errors import ResourceError, RetortError
from retort.web.errors import Refusal
from retort.web.gate import CHUNKED, HEADERS, Gate
from retort.web.service import Service

log = logging.getLogger("retort.web")

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_TICK_SECONDS = 0.05
# Connections that clients opened before they could know of the end still get their 503 in this time.
_LINGER_SECONDS = 0.3
# For the refusals that are still on their way when the door closes.
_LAST_SECONDS = 2.0
# An upload's form, and room for the rest of it: larger bodies are refused unread.
_MOST_BYTES_OVER_UPLOAD = 65_536


# waitress puts HTTP_ before it when it hands the header to the application.
_CHUNKED = CHUNKED.removeprefix("HTTP_")


class _Parser(HTTPRequestParser):  # type: ignore[misc]
    """Marks a body that came in pieces: waitress joins them and then gives a length that nobody sent."""

    # waitress sets it from a first line that it can read, and reads it of every request all the same.
    path = ""

    def parse_header(self, header_plus: bytes) -> None:
        super().parse_header(header_plus)
        self.headers.pop(_CHUNKED, None)
        if self.chunked:
            self.headers[_CHUNKED] = "1"


class _ErrorTask(ErrorTask):  # type: ignore[misc]
    """The answer to a request that cannot be parsed or is too large, in our shape."""

    def execute(self) -> None:
        # waitress says 501 for a transfer coding that it does not know; the fault is not on this side.
        status = 400 if self.request.error.code >= 500 else self.request.error.code
        refusal = Refusal(status, "the request cannot be read as HTTP, or is too large")
        body = refusal.as_json(self.request.path, "")
        self.status = refusal.status_line
        self.response_headers += list(HEADERS.items())
        self.response_headers.append(("Content-Type", "application/json"))
        self.response_headers.append(("Content-Length", str(len(body))))
        self.response_headers.append(("Connection", "close"))
        self.content_length = len(body)
        self.close_on_finish = True
        self.write(body)


class _Task(WSGITask):  # type: ignore[misc]
    """An answer of the application; once the server ends, the last one on its connection."""

    def build_response_header(self) -> bytes:
        # Further requests that came in one piece with this one are still answered.
        if self.channel.server.ending and len(self.channel.requests) == 1:
            self.set_close_on_finish()
        header: bytes = super().build_response_header()
        return header


class _Channel(HTTPChannel):  # type: ignore[misc]
    parser_class = _Parser
    task_class = _Task
    error_task_class = _ErrorTask

    def readable(self) -> bool:
        return not self.server.closed and bool(super().readable())

    def received(self, data: bytes) -> bool:
        # Nothing else is under way on this connection, so that answers keep their order.
        if self.request is None and not self.requests and not self.total_outbufs_len:
            refusal = self.server.refusal_at_once(data, len(self.server.task_dispatcher.queue))
            if refusal is not None:
                self.write_soon(refusal)
                self._flush_exception(self._flush_some)
                return True
        return bool(super().received(data))


class _Listener(TcpWSGIServer):  # type: ignore[misc]
    """ending: no connection is kept any more; closed: nothing new is accepted or read."""

    channel_class = _Channel
    ending = closed = False

    def __init__(self, application: Gate, **more: Any) -> None:
        self.refusal_at_once = application.refusal_at_once
        super().__init__(application, **more)


class Server:
    """Listens at once, answers 503 until the model is loaded, and ends when it is told to.

    Raises ResourceError when the address cannot be had.
    """

    def __init__(self, app: Flask, service: Service, settings: ServeSettings) -> None:
        self._service = service
        self._settings = settings
        self._stop = threading.Event()
        self._failure: RetortError | None = None
        adjustments = Adjustments(
            host=settings.host,
            port=settings.port,
            threads=settings.threads,
            connection_limit=settings.connections,
            channel_timeout=settings.idle_seconds,
            cleanup_interval=max(1, settings.idle_seconds // 2),
            max_request_body_size=settings.upload_bytes + _MOST_BYTES_OVER_UPLOAD,
            # Beyond these waitress would write bodies to temporary files; nothing may reach a disk.
            inbuf_overflow=2 * settings.upload_bytes + _MOST_BYTES_OVER_UPLOAD,
            outbuf_overflow=64 * settings.upload_bytes,
            asyncore_use_poll=True,
            # A client that goes away is no fault of ours, and no reason for a traceback.
            log_socket_errors=False,
            ident=None,
            clear_untrusted_proxy_headers=True,
        )
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # waiting is what our queue is for
        try:
            self._listener = _Listener(cast(Gate, app.wsgi_app), adj=adjustments, map={})
        except OSError as error:
            raise ResourceError(
                f"{settings.host}:{settings.port}: cannot be listened on ({error.strerror}); name another --port"
            ) from error

    @property
    def url(self) -> str:
        """Where the server listens; the port is the real one when any was asked for."""
        host, port = self._listener.effective_host, self._listener.effective_port
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"

    def run(self, on_ready: Callable[[], None]) -> None:
        """Serves until SIGTERM or SIGINT (or `stop`), then finishes what was accepted.

        `on_ready` is called when the model is loaded and checked. Raises what its loading raised.
        """
        # Signals reach the main thread alone; elsewhere `stop` is the way to end.
        caught = _SIGNALS if threading.current_thread() is threading.main_thread() else ()
        before = {number: signal.signal(number, self._on_signal) for number in caught}
        threading.Thread(target=self._load, args=(on_ready,), name="load", daemon=True).start()
        try:
            while not self._stop.is_set():
                self._turn()
            if self._failure is None:
                self._drain()
        finally:
            self._listener.close()
            self._listener.task_dispatcher.shutdown(timeout=1)
            for channel in list(self._listener.active_channels.values()):
                channel.handle_close()
            for number, handler in before.items():
                signal.signal(number, handler)
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Asks the server to end, from any thread."""
        self._stop.set()
        with contextlib.suppress(OSError):  # it has ended already
            self._listener.pull_trigger()

    def _on_signal(self, _signal: int, _frame: FrameType | None) -> None:
        self._service.drain()
        self._stop.set()

    def _load(self, on_ready: Callable[[], None]) -> None:
        try:
            self._service.start()
        except RetortError as error:
            self._failure = error
            self.stop()
            return
        on_ready()

    def _turn(self) -> None:
        """One round of reading and writing on all sockets."""
        wasyncore.loop(timeout=_TICK_SECONDS, use_poll=True, map=self._listener._map, count=1)

    def _drain(self) -> None:
        """Refuses what is new and finishes what is not, for `drain_seconds` at most."""
        self._service.drain()
        self._listener.ending = True
        log.info("draining")
        ends = time.monotonic() + self._settings.drain_seconds
        lingers = time.monotonic() + _LINGER_SECONDS
        # What comes from now on is refused, and must not keep the server from ending: clients ask again.
        accepted = self._unanswered()
        while (accepted or time.monotonic() < lingers) and time.monotonic() < ends:
            self._turn()
            accepted = [(channel, request) for channel, request in accepted if _is_unanswered(channel, request)]
        if accepted:
            log.warning("requests were still being handled after %g seconds", self._settings.drain_seconds)
            return
        self._close(min(ends, time.monotonic() + _LAST_SECONDS))

    def _close(self, ends: float) -> None:
        """Reads nothing more, and sees that all that was read is answered."""
        self._listener.closed = True
        wasyncore.dispatcher.close(self._listener)
        while self._unanswered() and time.monotonic() < ends:
            self._turn()

    def _unanswered(self) -> list[tuple[Any, Any]]:
        """Connections with a request that is being handled, or (None) with an answer that is not yet sent."""
        channels: list[Any] = list(self._listener.active_channels.values())
        handled = [(channel, request) for channel in channels for request in list(channel.requests)]
        return handled + [(channel, None) for channel in channels if channel.total_outbufs_len]


def _is_unanswered(channel: Any, request: Any) -> bool:
    return channel.connected and (request in channel.requests or channel.total_outbufs_len)
