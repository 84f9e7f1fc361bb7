"""A cheap HTTP client: requests as bytes on a kept connection, one answer at a time."""

import json
import re
import socket
from collections.abc import Sequence
from typing import Any, NamedTuple

CLASSIFY, ANALYZE, SUGGEST = "/api/v1/classify", "/v1alpha1/comments:analyze", "/v1alpha1/comments:suggestscore"
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)

Address = tuple[str, int]


class Reply(NamedTuple):
    """An answer as it came."""

    status: int
    head: bytes
    body: bytes

    @property
    def closes(self) -> bool:
        """Whether the server closes the connection after it."""
        return b"\r\nConnection: close" in self.head


class NoAnswerError(ConnectionError):
    """The connection ended before the answer did. begun: part of the answer had arrived."""

    def __init__(self, begun: bool) -> None:
        super().__init__("the connection ended before the answer did")
        self.begun = begun


class Connection:
    """A connection to the server, closed at the end of the block."""

    def __init__(self, address: Address, timeout: float = 60.0) -> None:
        self._address, self._timeout = address, timeout
        self._open()

    def _open(self) -> None:
        self.socket = socket.create_connection(self._address, self._timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._got = b""

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, request: bytes) -> Reply:
        """Raises OSError when no answer comes. Opens the connection anew where the last request ended it."""
        if self.socket.fileno() < 0:
            self._open()
        try:
            self.socket.sendall(request)
            reply = self.receive()
        except OSError:
            self.socket.close()
            raise
        if reply.closes:
            self.socket.close()
        return reply

    def receive(self) -> Reply:
        """The next answer. Raises NoAnswerError when the connection ends first, TimeoutError when nothing comes."""
        while True:
            reply, self._got = first_answer(self._got)
            if reply:
                return reply
            try:
                piece = self.socket.recv(262_144)
            except ConnectionResetError:
                piece = b""
            if not piece:
                raise NoAnswerError(begun=bool(self._got))
            self._got += piece


def first_answer(got: bytes) -> tuple[Reply | None, bytes]:
    """The first answer, None while it is incomplete, and what follows. The server's answers have a Content-Length."""
    head, end, rest = got.partition(b"\r\n\r\n")
    found = _LENGTH.search(head)
    length = int(found[1]) if found else 0
    if not end or len(rest) < length:
        return None, got
    return Reply(int(head[9:12]), head, rest[:length]), rest[length:]


def request(method: str, path: str, body: bytes = b"", kind: str = "") -> bytes:
    """An HTTP/1.1 request; `kind` is its Content-Type."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *([f"Content-Type: {kind}"] if kind else [])]
    if body or method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def get(path: str) -> bytes:
    """A GET request."""
    return request("GET", path)


def post_json(path: str, content: Any) -> bytes:
    """A POST request with a JSON body."""
    return request("POST", path, json.dumps(content).encode(), JSON)


def classify(texts: Sequence[str], **more: Any) -> bytes:
    """A request to retort's own API."""
    return post_json(CLASSIFY, {"texts": list(texts), **more})


def analyze(text: str) -> bytes:
    """A request as Perspective's clients send it."""
    wanted = {"requestedAttributes": {"TOXICITY": {}}, "languages": ["en"]}
    return post_json(ANALYZE, {"comment": {"text": text}, **wanted})


def upload(rows: Sequence[str], name: str = "comments.txt") -> bytes:
    """The upload form with a file of one comment per line."""
    edge = "----retort-bench"
    head = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: text/plain'
    body = "\r\n".join([head, "", "\n".join(rows), f"--{edge}--", ""])
    return request("POST", "/upload", body.encode(), f"multipart/form-data; boundary={edge}")
