"""Random requests: well-formed HTTP with bodies that are almost right, and bytes that are not HTTP."""

import json
import random
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

from benchmarks.serving.client import ANALYZE, CLASSIFY, FORM, JSON, SUGGEST, classify, get, request, upload

GOOD = classify(["a fine day"])

# ------------------------------------------------------------------------------------- well-formed HTTP

_TEXTS = ("a fine day", "", " ", "\u200b", "\x00", "a" * 20_001, "\ud800", "[SEP] [PAD]", "\U0001f600" * 9, "é" * 300)
_VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 10**400, 1e308, float("nan"), float("inf"), *_TEXTS, [], ["a"], ["a"] * 33, [["a"]], [3], {},
    {"text": "a"}, {"text": ["a"]}, {"TOXICITY": {}}, {"toxicity": {}}, {"TOXICITY": {"scoreThreshold": "x"}}, ["xx"],
)  # fmt: skip
_KEYS = {
    CLASSIFY: ("texts", "model", "arm", "explain", "Texts"),
    ANALYZE: ("comment", "requestedAttributes", "context", "languages", "spanAnnotations", "doNotStore", "sessionId"),
    SUGGEST: ("comment", "attributeScores", "communityId", "clientToken"),
}
_CONTENT_TYPES = (
    JSON, JSON, JSON, "application/json; charset=utf-16", FORM, "text/plain", "multipart/form-data",
    "multipart/form-data; boundary=x", "", "/", "application/json;;;=", "a" * 500,
)  # fmt: skip
_SPOIL: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    lambda body, _: body,
    lambda body, r: body[: r.randint(0, len(body))],
    lambda body, _: body + body,
    lambda body, _: body.decode("utf-8", "replace").encode("utf-16"),
    lambda body, _: b"\xef\xbb\xbf" + body,
    lambda body, r: body[: len(body) // 2] + r.randbytes(r.randint(1, 30)) + body[len(body) // 2 :],
    lambda body, _: body.replace(b'"', b"'"),
    lambda body, _: b'{"texts": ["a"], "texts": ' + body + b"}",
    lambda body, r: b"[" * r.choice([300, 100_000]) + body,
    lambda _, r: r.choice([b"", b'{"texts": [1e999]}', b"9" * 5000, b'"\\ud800"', b"\xff\xfe\x00", b"a," * 40_000]),
)


def spoilt(randomness: random.Random) -> bytes:
    """A request to an address that takes a body, with wrong content, a spoilt body or a wrong Content-Type."""
    path = randomness.choice([*_KEYS, "/", "/upload"])
    kind = JSON
    if path in _KEYS:
        content = {key: randomness.choice(_VALUES) for key in _KEYS[path] if randomness.random() < 0.6}
        body = json.dumps(content).encode()
    elif path == "/":
        fields = {key: randomness.choice(_TEXTS) for key in ("text", "model", "threshold", "x")}
        body, kind = urlencode(fields, errors="surrogatepass").encode(), FORM
    else:
        rows = randomness.choice([["a"], ["text,toxicity", "a,0.5"], ["text", '"'], ["a"] * 10_001, ["\x00" * 3000]])
        name = randomness.choice(["a.csv", "a.txt", "", "../../x.csv", 'q".csv', "a.xlsx"])
        head, _, body = upload(rows, name).partition(b"\r\n\r\n")
        kind = head.decode().partition("Content-Type: ")[2].partition("\r\n")[0]
    body = randomness.choice(_SPOIL)(body, randomness)
    kind = kind if randomness.random() < 0.5 else randomness.choice(_CONTENT_TYPES)
    query = f"?{quote(randomness.choice(_TEXTS).encode('utf-8', 'replace'))}" if randomness.random() < 0.3 else ""
    return request("POST", quote(path) + query, body, kind)


# -------------------------------------------------------------------------------------------- raw bytes

_HEAD = b"POST /api/v1/classify HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
_BODY = b'{"texts": ["a fine day"]}'
_TLS_HELLO = bytes.fromhex("16030100c8010000c40303") + bytes(range(180))
_LENGTHS = (
    b"", b"-1", b"+25", b"0", b"5", b"26", b"250000", b"262145", b"99999999999999999999", b"1e3", b"0x19", b"25, 25",
    b"25\r\nContent-Length: 24", b"\xd9\xa2", b"2 5", b"NaN",
)  # fmt: skip


def _with_length(length: bytes) -> bytes:
    return _HEAD + b"Content-Length: " + length + b"\r\n\r\n" + _BODY


def _flipped(randomness: random.Random) -> bytes:
    changed = bytearray(GOOD)
    for _ in range(randomness.randint(1, 12)):
        changed[randomness.randrange(len(changed))] = randomness.randrange(256)
    return bytes(changed)


def _chunked(randomness: random.Random) -> bytes:
    sizes = [b"5", b"ffffffffff", b"-1", b"zz", b"0", b"5;x=y", b"", b"0x5"]
    chunks = (randomness.choice(sizes) + randomness.choice([b"\r\n", b"\n", b""]) + b"hello\r\n" for _ in range(3))
    coding = randomness.choice([b"chunked", b"Chunked", b"gzip", b"gzip, chunked", b"identity", b"\x0bchunked", b""])
    end = randomness.choice([b"0\r\n\r\n", b""])
    return _HEAD + b"Transfer-Encoding: " + coding + b"\r\n\r\n" + b"".join(chunks) + end


def _first_line(randomness: random.Random) -> bytes:
    method = randomness.choice([b"GET", b"POST", b"BREW", b"get", b"", b"\x00", b"PUT", b"TRACE", b"OPTIONS", b"HEAD"])
    target = randomness.choice(
        [b"/", b"*", b"", b"http://x/", b"//", b"/%00", b"/%ff%fe", b"/..%2f..", b"/\xff", b"/api/v1/classify?%",
         b"/" + b"a" * 10_000, b"/upload/", b"/static/../../x", b"/api/docs/..%2fx", b"http://[/"]
    )  # fmt: skip
    version = randomness.choice([b"HTTP/1.1", b"HTTP/1.0", b"HTTP/9.9", b"", b"HTTP/1.", b"HTTP/1.1 x", b"ICY"])
    ends = randomness.choice([b"\r\n", b"\n", b"\r", b"\r\n\r\n"])
    return method + b" " + target + b" " + version + ends + b"Host: x\r\n\r\n"


def _header(randomness: random.Random) -> bytes:
    name = randomness.choice([b"Host", b"X", b"", b"A B", b"\xff", b"Cookie", b"Accept-Encoding", b"Expect", b"Range"])
    value = randomness.choice(
        [b"", b"\x00", b"\xff\xfe", b"a\r\n b", b"100-continue", b"a" * 300_000, b"bytes=0-", b"chunked", b"\x7f" * 9]
    )
    line = name + randomness.choice([b": ", b":", b" : ", b""]) + value + b"\r\n"
    path = randomness.choice([b"/", b"/healthz", b"/api/v1/models", b"/api/docs"])
    return b"GET " + path + b" HTTP/1.1\r\n" + line * randomness.choice([1, 1, 2, 500]) + b"\r\n"


def _pipelined(randomness: random.Random) -> bytes:
    parts = [GOOD, get("/healthz"), get("/nothing"), _with_length(b"3"), b"\r\n\r\n", b"\x00"]
    return b"".join(randomness.choices(parts, weights=[1, 5, 5, 1, 1, 1], k=randomness.randint(2, 12)))


RAW: tuple[Callable[[random.Random], bytes], ...] = (
    lambda r: r.randbytes(r.randint(1, 2000)),
    lambda r: _with_length(r.choice(_LENGTHS)),
    lambda r: GOOD[: r.randrange(len(GOOD))],
    lambda r: r.choice([b"", b"\r\n", b"\n" * 2000, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", _TLS_HELLO, b"GET /\r\n\r\n"]),
    _flipped,
    _chunked,
    _first_line,
    _header,
    _pipelined,
)
