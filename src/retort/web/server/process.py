"""The server process: waitress, the model loaded in the background, and draining without a lost request.

Waitress reads whole requests before a thread sees them, so that slow senders hold no thread. What it lacks
is here: the error shape for requests that do not reach the application, and draining on SIGTERM.
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
from retort.web.server.errors import Refusal
from retort.web.server.gate import CHUNKED, HEADERS, Gate
from retort.web.server.service import Service

log = logging.getLogger("retort.web")

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_TICK_SECONDS = 0.05
# Seconds for which new connections are still answered with 503 while the server drains.
_LINGER_SECONDS = 0.3
# Seconds to send the last refusals after listening has stopped.
_LAST_SECONDS = 2.0
# waitress puts HTTP_ before it when it hands the header to the application.
_CHUNKED = CHUNKED.removeprefix("HTTP_")


class _Parser(HTTPRequestParser):  # type: ignore[misc]
    """Marks a chunked body: waitress joins the chunks and sets a length that the client did not send."""

    # waitress sets it only from a first line that it can parse, but reads it for every request.
    path = ""

    def parse_header(self, header_plus: bytes) -> None:
        super().parse_header(header_plus)
        self.headers.pop(_CHUNKED, None)
        if self.chunked:
            self.headers[_CHUNKED] = "1"


class _ErrorTask(ErrorTask):  # type: ignore[misc]
    """The answer to a request that cannot be parsed or is too large, in our shape."""

    def execute(self) -> None:
        # waitress answers 501 to an unknown transfer coding; that is the client's mistake.
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
    """An answer of the application; while the server drains, the last one on its connection."""

    def build_response_header(self) -> bytes:
        # Pipelined requests behind this one are still answered.
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
        # Only when nothing else is in progress on this connection: answers keep their order.
        if self.request is None and not self.requests and not self.total_outbufs_len:
            refusal = self.server.refusal_at_once(data, len(self.server.task_dispatcher.queue))
            if refusal is not None:
                self.write_soon(refusal)
                self._flush_exception(self._flush_some)
                return True
        return bool(super().received(data))


class _Listener(TcpWSGIServer):  # type: ignore[misc]
    """ending: connections are closed after their answer; closed: nothing new is accepted or read."""

    channel_class = _Channel
    ending = closed = False

    def __init__(self, application: Gate, **more: Any) -> None:
        self.refusal_at_once = application.refusal_at_once
        super().__init__(application, **more)


class Server:
    """Listens at once, answers 503 until the model is loaded, and drains when it is stopped.

    Raises ResourceError when the address is not available.
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
            max_request_body_size=settings.upload_body_bytes,
            # Beyond these waitress would write bodies to temporary files; nothing may reach a disk.
            inbuf_overflow=2 * settings.upload_body_bytes,
            outbuf_overflow=64 * settings.upload_bytes,
            asyncore_use_poll=True,
            # A client that disconnects is no error, and no reason for a traceback.
            log_socket_errors=False,
            ident=None,
            clear_untrusted_proxy_headers=True,
        )
        logging.getLogger("waitress.queue").setLevel(
            logging.ERROR
        )  # its warnings are about requests that our queue counts
        try:
            self._listener = _Listener(cast(Gate, app.wsgi_app), adj=adjustments, map={})
        except OSError as error:
            raise ResourceError(
                f"{settings.host}:{settings.port}: cannot be listened on ({error.strerror}); name another --port"
            ) from error

    @property
    def url(self) -> str:
        """Where the server listens, with the real port where the settings name 0."""
        host, port = self._listener.effective_host, self._listener.effective_port
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"

    def run(self, on_ready: Callable[[], None]) -> None:
        """Serves until SIGTERM or SIGINT (or `stop`), then finishes what was accepted.

        `on_ready` is called when the model is loaded and checked. Raises what loading it raised.
        """
        # Signals reach only the main thread; in any other thread `stop` ends the server.
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
        """Makes `run` drain and return; from any thread."""
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
        # New requests are refused, and must not keep the server from ending: clients retry.
        accepted = self._unanswered()
        while (accepted or time.monotonic() < lingers) and time.monotonic() < ends:
            self._turn()
            accepted = [(channel, request) for channel, request in accepted if _is_unanswered(channel, request)]
        if accepted:
            log.warning("requests were still being handled after %g seconds", self._settings.drain_seconds)
            return
        self._close(min(ends, time.monotonic() + _LAST_SECONDS))

    def _close(self, ends: float) -> None:
        """Reads nothing more, and answers all that was read."""
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
